package store

import (
	"bytes"
	"context"
	"errors"
	"os"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func quarantineLot() []byte { return fixedBytes(3, 50_000) }

// spoilAndBringAgain damages a shard of many files, has it found, and stores it
// again.
func spoilAndBringAgain(t testing.TB, s *Store, arm func()) {
	data := quarantineLot()
	for i := range byte(dropAtOnce + 3) {
		mustReceive(t, s, newOwner(t, i+1).lot(t, data, 0, 0), data)
	}
	arm()
	spoil(t, s, shard.Sum(data))
	mustReceive(t, s, newOwner(t, 1).lot(t, data, 0, 0), data)
}

// TestCrashInQuarantine kills a process at each step of a quarantine: from the
// move of the file to its removal when the shard has been brought again.
func TestCrashInQuarantine(t *testing.T) {
	for _, at := range []string{
		"bad file moved#1", "index synced#1", "index synced#2", "renamed#1", "index synced#3",
		"index synced#4", "bad file removed#1", "index synced#5",
	} {
		t.Run(at, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			runUntilKilled(t, dir, "quarantine", at, 0)
			h := &home{dir: dir}
			h.open(t)
			defer h.close(t)
			checkWhole(t, h.store)
			data, o := quarantineLot(), newOwner(t, 1)
			id := shard.Sum(data)
			switch _, err := h.store.Prove(id, 0); {
			case err == nil:
			case errors.Is(err, wire.ErrDamaged):
				checkQuarantined(t, h.store, o, id)
			default:
				t.Errorf("proof: %v", err)
			}
			if _, err := h.store.Receive(context.Background(), o.lot(t, data, 0, 0), sends(data)); err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(readShard(t, h.store, id), data) {
				t.Error("bytes differ")
			}
			if _, err := os.Stat(h.store.asidePath(id)); !os.IsNotExist(err) {
				t.Errorf("the damaged file stays: %v", err)
			}
			checkWhole(t, h.store)
		})
	}
}
