package hive

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// smallDisk tells the test binary that it is in a mount namespace of its own, and where a
// small disk is to be; fullDisk, that it is there already.
const (
	smallDisk = "BATCHAIN_HIVE_SMALL_DISK"
	fullDisk  = "BATCHAIN_HIVE_FULL_DISK"
)

// A real disk that somebody else fills to the last byte: the hive refuses by name what it
// cannot keep, ends in good order all the same, and has lost nothing when it is opened
// again.
func TestDiskOfOthersIsFull(t *testing.T) {
	if dir := os.Getenv(fullDisk); dir != "" {
		onFullDisk(t, dir)
		return
	}
	if dir := os.Getenv(smallDisk); dir != "" {
		onSmallDisk(t, dir)
		return
	}
	out, err := again(smallDisk+"="+t.TempDir(), &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWUSER | unix.CLONE_NEWNS,
		UidMappings: []syscall.SysProcIDMap{{HostID: os.Geteuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{HostID: os.Getegid(), Size: 1}},
	})
	switch {
	case errors.Is(err, os.ErrPermission), strings.Contains(out, "--- SKIP"):
		t.Skipf("skipped: no disk of its own: %v\n%s", err, out)
	case err != nil:
		t.Errorf("%v\n%s", err, out)
	}
}

// again runs this test in another process.
func again(variable string, attr *syscall.SysProcAttr) (string, error) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestDiskOfOthersIsFull$", "-test.v")
	cmd.Env, cmd.SysProcAttr = append(os.Environ(), variable), attr
	out, err := cmd.CombinedOutput()
	return string(out), err
}

var early = []work.Result{{Status: work.Done, Output: []byte("0")}}

func onSmallDisk(t *testing.T, dir string) {
	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%d", 2*diskFloor)); err != nil {
		t.Skipf("mount: %v", err)
	}
	if out, err := again(fullDisk+"="+dir, nil); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if err := os.Remove(filler(dir)); err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	h, _ := start(t, filepath.Join(dir, "hive"), nil)
	again := wish
	again.Resume = true
	batch, err := h.Request(ctx, work.Member{Peer: bee("bee")}, again)
	if err != nil || len(batch.Tasks) != 2 {
		t.Fatalf("%d tasks after the restart, %v", len(batch.Tasks), err)
	}
	for _, task := range batch.Tasks {
		early[0].Token = task.Token
		if verdicts, err := h.Submit(ctx, work.Member{Peer: bee("bee")}, early); err != nil || verdicts[0] != nil {
			t.Errorf("a result, once there is room: %v, %v", verdicts, err)
		}
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.Made != 2 || s.Valid != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// onFullDisk has a hive with two units, of which a bee has one, and no disk.
func onFullDisk(t *testing.T, dir string) {
	ctx, m := t.Context(), work.Member{Peer: bee("bee")}
	h, stop := start(t, filepath.Join(dir, "hive"), nil)
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Quorum, Quorum: 1})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(ctx, "p", make([]work.Unit, 2)...); err != nil {
		t.Fatal(err)
	}
	if err := h.Register(ctx, m); err != nil {
		t.Fatal(err)
	}
	one := wish
	one.Slots = 1
	batch, err := h.Request(ctx, m, one)
	if err != nil {
		t.Fatal(err)
	}
	fill(t, dir)
	early[0].Token = batch.Tasks[0].Token
	if _, err := h.Submit(ctx, m, early); !errors.Is(err, wire.ErrFull) {
		t.Errorf("a result: %v", err)
	}
	if _, err := h.Add(ctx, "p", work.Unit{}); !errors.Is(err, wire.ErrFull) {
		t.Errorf("a unit: %v", err)
	}
	if err := h.Create(ctx, inline("q", work.Policy{})); !errors.Is(err, wire.ErrFull) {
		t.Errorf("a project: %v", err)
	}
	stop()
}

func filler(dir string) string { return filepath.Join(dir, "of somebody else") }

// fill writes a file until nothing more fits.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filler(dir))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
	if free, err := disk.Free(dir); err != nil || free > 4096 {
		t.Fatalf("%d bytes are free, %v", free, err)
	}
}
