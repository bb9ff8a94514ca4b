package disktest

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
)

// The variables that tell a test binary which part of a test it is to play.
const (
	aroundPart = "BATCHAIN_DISKTEST_AROUND" // where a small disk is to be, in a mount namespace of its own
	insidePart = "BATCHAIN_DISKTEST_INSIDE" // where it is
)

// Small has the calling test run inside in a process of its own, whose dir is on a file
// system of size bytes, and once that has ended well, after in another process, with all that
// was left there but what [Fill] took. So inside may leave what only the end of a process
// frees. It skips the test where no file system may be mounted.
func Small(t *testing.T, size int64, inside, after func(t *testing.T, dir string)) {
	t.Helper()
	if dir := os.Getenv(insidePart); dir != "" {
		inside(t, dir)
		return
	}
	if dir := os.Getenv(aroundPart); dir != "" {
		around(t, dir, size, after)
		return
	}
	out, err := again(t, aroundPart+"="+t.TempDir(), &syscall.SysProcAttr{
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

func around(t *testing.T, dir string, size int64, after func(t *testing.T, dir string)) {
	t.Helper()
	if err := unix.Mount("small", dir, "tmpfs", 0, fmt.Sprintf("size=%d", size)); err != nil {
		t.Skipf("mount: %v", err)
	}
	if out, err := again(t, insidePart+"="+dir, nil); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	Free(t, dir)
	after(t, dir)
}

// again runs the calling test in another process.
func again(t *testing.T, variable string, attr *syscall.SysProcAttr) (string, error) {
	cmd := exec.Command("/proc/self/exe", "-test.run=^"+t.Name()+"$", "-test.v")
	cmd.Env, cmd.SysProcAttr = append(os.Environ(), variable), attr
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func filler(dir string) string { return filepath.Join(dir, "of somebody else") }

// Fill writes a file into dir until nothing more fits.
func Fill(t *testing.T, dir string) {
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

// Free takes away what [Fill] wrote, if it did.
func Free(t *testing.T, dir string) {
	t.Helper()
	if err := os.Remove(filler(dir)); err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Fatal(err)
	}
}
