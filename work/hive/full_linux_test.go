package hive

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/batchain/batchain/disk/disktest"
	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// A real disk that somebody else fills to the last byte: the hive refuses by name what it
// cannot keep, ends in good order all the same, is not opened again before there is room, and
// has lost nothing then.
func TestDiskOfOthersIsFull(t *testing.T) {
	disktest.Small(t, 2*diskFloor, fullDisk, roomAgain)
}

var early = []work.Result{{Status: work.Done, Output: []byte("0")}}

// fullDisk has a hive with two units, of which a bee has one, and no disk.
func fullDisk(t *testing.T, dir string) {
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
	disktest.Fill(t, dir)
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

// roomAgain is the start after that, at first without room.
func roomAgain(t *testing.T, dir string) {
	ctx := t.Context()
	disktest.Fill(t, dir)
	if _, err := Open(Config{Dir: filepath.Join(dir, "hive"), Self: bee("hive")}); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("opened on a full disk: %v", err)
	}
	disktest.Free(t, dir)
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
