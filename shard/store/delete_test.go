package store

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"testing"
	"testing/iotest"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestDeleteManyShards(t *testing.T) {
	h := newHome(t)
	a, b := newOwner(t, 1), newOwner(t, 2)
	const n = 2*dropAtOnce + 5
	for i := range n {
		data := randomBytes(100 + i)
		mustReceive(t, h.store, a.lot(t, data, uint32(i), 0), data)
		if i%2 == 0 {
			mustReceive(t, h.store, b.lot(t, data, uint32(i), 0), data)
		}
	}
	if got, err := h.store.Delete(a.grant); got != n || err != nil {
		t.Fatalf("deleted %d of %d: %v", got, n, err)
	}
	if rows, _, err := h.store.Held(a.grant.Admin, nil, 10); len(rows) != 0 || err != nil {
		t.Errorf("held after the delete: %v, %v", rows, err)
	}
	if u := h.store.Usage(); u.Shards != (n+1)/2 {
		t.Errorf("%d shards stay, %d are leased by the other owner", u.Shards, (n+1)/2)
	}
	checkWhole(t, h.store)
	if got, err := h.store.Delete(a.grant); got != 0 || err != nil {
		t.Errorf("second delete: %d, %v", got, err)
	}
}

func TestDeleteRefusesLater(t *testing.T) {
	h := newHome(t)
	var clock testClock
	h.reopen(t, clock.use)
	o := newOwner(t, 1)
	data := randomBytes(1000)
	lot := o.lot(t, data, 0, 0)
	mustReceive(t, h.store, lot, data)
	if _, err := h.store.Delete(o.grant); err != nil {
		t.Fatal(err)
	}
	refused := func() {
		t.Helper()
		if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrDeleted) {
			t.Fatalf("offer after the delete: %v", err)
		}
	}
	refused()
	h.reopen(t, clock.use)
	refused()
	clock.pass(shard.LeaseDefault - time.Minute)
	mustExpire(t, h.store)
	refused()
	if _, _, err := h.store.Renew(o.grant, nil, shard.LeaseDefault, nil, 10); !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("renewal after the delete: %v", err)
	}
	clock.pass(2 * time.Minute)
	if n := countRows(t, h.store, keyTomb); n != 1 {
		t.Errorf("%d tombstones", n)
	}
	mustExpire(t, h.store)
	if n := countRows(t, h.store, keyTomb); n != 0 {
		t.Errorf("%d tombstones after the lease's end", n)
	}
	mustReceive(t, h.store, lot, data)
	checkWhole(t, h.store)
}

// TestDeleteUnderWay deletes a file while its first shard is on its way.
func TestDeleteUnderWay(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(200_000)
	lot := o.lot(t, data, 0, 0)
	w, ended := beginReceive(h.store, lot)
	if n, err := h.store.Delete(o.grant); n != 0 || err != nil {
		t.Fatalf("deleted %d: %v", n, err)
	}
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, wire.ErrDeleted) {
		t.Fatalf("transfer under way: %v", err)
	}
	if u := h.store.Usage(); u.Used != 0 || u.InFlight != 0 || u.Shards != 0 {
		t.Errorf("usage %+v", u)
	}
	if _, err := os.Stat(h.store.path(lot.Offer.Shard)); !os.IsNotExist(err) {
		t.Errorf("the shard's file stays: %v", err)
	}
	checkWhole(t, h.store)
}

func TestDeleteRemovesKeptBytes(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	breakOff(t, h.store, o.lot(t, randomBytes(200_000), 0, 0), 100_000)
	if u := h.store.Usage(); u.InFlight == 0 {
		t.Fatal("nothing was kept")
	}
	if _, err := h.store.Delete(o.grant); err != nil {
		t.Fatal(err)
	}
	if u := h.store.Usage(); u.InFlight != 0 {
		t.Errorf("%d bytes are kept of a deleted file", u.InFlight)
	}
	checkWhole(t, h.store)
}

// breakOff begins a transfer of zeros and breaks it after n bytes.
func breakOff(t testing.TB, s *Store, lot shard.Lot, n int) {
	t.Helper()
	broken := errors.New("connection lost")
	_, err := s.Receive(context.Background(), lot, func(int64) (io.Reader, error) {
		return io.MultiReader(bytes.NewReader(make([]byte, n)), iotest.ErrReader(broken)), nil
	})
	if !errors.Is(err, broken) {
		t.Fatal(err)
	}
}

func TestKeptBytesGoAfterADay(t *testing.T) {
	h := newHome(t)
	var clock testClock
	h.reopen(t, clock.use)
	o := newOwner(t, 1)
	lot := o.lot(t, randomBytes(200_000), 0, 0)
	breakOff(t, h.store, lot, 100_000)
	clock.pass(KeepTime - time.Minute)
	if err := h.store.tidy(); err != nil {
		t.Fatal(err)
	}
	if u := h.store.Usage(); u.InFlight == 0 {
		t.Error("gone before its time")
	}
	clock.pass(2 * time.Minute)
	if err := h.store.tidy(); err != nil {
		t.Fatal(err)
	}
	if u := h.store.Usage(); u.InFlight != 0 {
		t.Error("kept for more than a day")
	}
	checkWhole(t, h.store)

	breakOff(t, h.store, lot, 100_000)
	clock.pass(2 * KeepTime)
	h.reopen(t, clock.use)
	if u := h.store.Usage(); u.InFlight != 0 {
		t.Error("kept over a restart for more than a day")
	}
	checkWhole(t, h.store)
}

// TestStoredAgainBeforeRemoval stores a shard again after its rows went and
// before its file did.
func TestStoredAgainBeforeRemoval(t *testing.T) {
	a, b := newOwner(t, 1), newOwner(t, 2)
	data := randomBytes(50_000)
	again := b.lot(t, data, 0, 0)
	var s *Store
	h := newHome(t, func(opened *Store) {
		s = opened
		s.crash = func(point string) {
			if point == "delete indexed" {
				mustReceive(t, s, again, data)
			}
		}
	})
	mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
	if _, err := h.store.Delete(a.grant); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(readShard(t, h.store, shard.Sum(data)), data) {
		t.Error("bytes differ")
	}
	checkWhole(t, h.store)
}
