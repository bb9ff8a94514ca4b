package store

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// checkQuarantined fails the test unless the shard's file lies aside, and
// nobody is told that the shard is held.
func checkQuarantined(t testing.TB, s *Store, o *owner, id shard.ID) {
	t.Helper()
	if _, _, err := s.Open(id); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("open in quarantine: %v", err)
	}
	if _, err := s.Prove(id, 0); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("proof in quarantine: %v", err)
	}
	rows, _, err := s.Held(o.grant.Admin, nil, 100)
	if err != nil || slices.ContainsFunc(rows, func(row shard.Held) bool { return row.Shard == id }) {
		t.Errorf("listed in quarantine: %v, %v", rows, err)
	}
	if _, err := os.Stat(s.asidePath(id)); err != nil {
		t.Error(err)
	}
	checkWhole(t, s)
}

// spoil damages a stored shard and has it found.
func spoil(t testing.TB, s *Store, id shard.ID) {
	t.Helper()
	flip(t, s.path(id), 17)
	if _, err := s.Prove(id, 0); !errors.Is(err, wire.ErrDamaged) {
		t.Fatal(err)
	}
}

func TestQuarantineEndsWhenBroughtAgain(t *testing.T) {
	h := newHome(t)
	a, b := newOwner(t, 1), newOwner(t, 2)
	data := randomBytes(1000)
	id := shard.Sum(data)
	mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
	mustReceive(t, h.store, b.lot(t, data, 4, 0), data)
	for range 2 {
		spoil(t, h.store, id)
		checkQuarantined(t, h.store, a, id)
		checkQuarantined(t, h.store, b, id)
		h.reopen(t)
		checkQuarantined(t, h.store, a, id)
		mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
		if !bytes.Equal(readShard(t, h.store, id), data) {
			t.Error("bytes differ")
		}
		if _, err := os.Stat(h.store.asidePath(id)); !os.IsNotExist(err) {
			t.Errorf("the damaged file stays: %v", err)
		}
		checkWhole(t, h.store)
	}
}

func TestQuarantineEndsAfterAWeek(t *testing.T) {
	h := newHome(t)
	var clock testClock
	h.reopen(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(1000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	spoil(t, h.store, shard.Sum(data))
	if u := h.store.Usage(); u.Used != diskSize(1000) || u.Shards != 0 {
		t.Errorf("usage in quarantine: %+v", u)
	}
	clock.pass(quarantineTime - time.Minute)
	if err := h.store.tidy(); err != nil {
		t.Fatal(err)
	}
	checkQuarantined(t, h.store, o, shard.Sum(data))
	clock.pass(2 * time.Minute)
	if err := h.store.tidy(); err != nil {
		t.Fatal(err)
	}
	if u := h.store.Usage(); u.Used != 0 {
		t.Errorf("usage after it: %+v", u)
	}
	if _, _, err := h.store.Open(shard.Sum(data)); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("open after it: %v", err)
	}
	checkWhole(t, h.store)
}

// TestQuarantineOfManyFiles damages a shard that more files lease than one
// transaction ends leases.
func TestQuarantineOfManyFiles(t *testing.T) {
	h := newHome(t)
	data := randomBytes(1000)
	for i := range byte(2*dropAtOnce + 3) {
		mustReceive(t, h.store, newOwner(t, i+1).lot(t, data, 0, 0), data)
	}
	spoil(t, h.store, shard.Sum(data))
	checkQuarantined(t, h.store, newOwner(t, 1), shard.Sum(data))
}

// TestWholeShardStays asks for the quarantine of a shard that is whole: a disk
// may err once.
func TestWholeShardStays(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(100_000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	h.store.quarantine(shard.Sum(data))
	h.store.quarantine(shard.ID{1})
	if !bytes.Equal(readShard(t, h.store, shard.Sum(data)), data) {
		t.Error("bytes differ")
	}
	checkWhole(t, h.store)
}

// TestQuarantineRefused lets the disk and the index refuse each step: the shard
// stays as it is, to be found again.
func TestQuarantineRefused(t *testing.T) {
	for _, step := range []string{"rename", "sync", "free"} {
		t.Run(step, func(t *testing.T) {
			bad := &badDisk{}
			h := newHome(t, func(s *Store) { s.disk = bad })
			o := newOwner(t, 1)
			data := randomBytes(1000)
			id := shard.Sum(data)
			mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
			once := true
			bad.breakAt(func(op string, _ int) error {
				if op == step && once {
					once = false
					return syscall.EIO
				}
				return nil
			})
			spoil(t, h.store, id)
			bad.breakAt(nil)
			if u := h.store.Usage(); u.Shards != 1 {
				t.Errorf("usage %+v", u)
			}
			checkWhole(t, h.store)
			if _, err := h.store.Prove(id, 0); !errors.Is(err, wire.ErrDamaged) {
				t.Error(err)
			}
			checkQuarantined(t, h.store, o, id)
		})
	}
}

// TestStrangeFilesInQuarantine puts files there that no row knows.
func TestStrangeFilesInQuarantine(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data, lost := randomBytes(1000), randomBytes(2000)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	mustReceive(t, h.store, o.lot(t, lost, 0, 1), lost)
	spoil(t, h.store, shard.Sum(lost))
	s := h.store
	h.close(t)
	folder := filepath.Join(h.shards(), asideFolder)
	for _, name := range []string{"readme", filepath.Base(s.path(shard.Sum(data))), filepath.Base(s.path(shard.ID{9}))} {
		if err := os.WriteFile(filepath.Join(folder, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Remove(s.asidePath(shard.Sum(lost))); err != nil {
		t.Fatal(err)
	}
	h.open(t)
	if left, err := os.ReadDir(folder); err != nil || len(left) != 0 {
		t.Errorf("left in quarantine: %v, %v", left, err)
	}
	if !bytes.Equal(readShard(t, h.store, shard.Sum(data)), data) {
		t.Error("bytes differ")
	}
	checkWhole(t, h.store)
}

// TestTwiceDamaged lets a shard be damaged again before the disk has removed
// the first damaged file.
func TestTwiceDamaged(t *testing.T) {
	bad := &badDisk{}
	h := newHome(t, func(s *Store) { s.disk = bad })
	o := newOwner(t, 1)
	data := randomBytes(1000)
	lot := o.lot(t, data, 0, 0)
	mustReceive(t, h.store, lot, data)
	spoil(t, h.store, lot.Offer.Shard)
	bad.breakAt(func(op string, _ int) error {
		if op == "remove" {
			return syscall.EIO
		}
		return nil
	})
	mustReceive(t, h.store, lot, data)
	checkWhole(t, h.store)
	bad.breakAt(nil)
	spoil(t, h.store, lot.Offer.Shard)
	checkQuarantined(t, h.store, o, lot.Offer.Shard)
}
