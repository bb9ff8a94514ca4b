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

func TestReceive(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	var last []byte
	for i, n := range []int{1, 1023, groupSize, groupSize + 1, 5*groupSize - 7, bufferSize, 2 << 20} {
		last = randomBytes(n)
		lot := o.lot(t, last, uint32(i), 3)
		before := time.Now()
		end, err := h.store.Receive(t.Context(), lot, sends(last))
		if err != nil {
			t.Fatal(err)
		}
		if got := end.Sub(before).Round(time.Minute); got != shard.LeaseDefault {
			t.Errorf("lease of %v", got)
		}
		if !bytes.Equal(readShard(t, h.store, lot.Offer.Shard), last) {
			t.Errorf("%d bytes came back as others", n)
		}
	}
	checkWhole(t, h.store)
	h.reopen(t)
	checkWhole(t, h.store)
	if !bytes.Equal(readShard(t, h.store, shard.Sum(last)), last) {
		t.Error("not the same after a restart")
	}
}

func TestReceiveStored(t *testing.T) {
	h := newHome(t)
	data := randomBytes(100_000)
	a, b := newOwner(t, 1), newOwner(t, 2)
	mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
	for _, lot := range []shard.Lot{a.lot(t, data, 0, 0), a.lot(t, data, 0, 1)} {
		if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); err != nil {
			t.Fatal(err)
		}
	}
	again := b.lot(t, data, 7, 7) // who knows the hash only gets no lease
	if _, err := h.store.Receive(t.Context(), again, sends(make([]byte, len(data)))); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("another owner without the bytes: %v", err)
	}
	if rows, _, err := h.store.Held(b.grant.Admin, nil, 1); len(rows) != 0 || err != nil {
		t.Errorf("held %v: %v", rows, err)
	}
	mustReceive(t, h.store, again, data)
	if u := h.store.Usage(); u.Shards != 1 || u.Used != diskSize(100_000) {
		t.Errorf("usage %+v", u)
	}
	checkWhole(t, h.store)
	if n, err := h.store.Delete(a.grant); n != 2 || err != nil {
		t.Fatalf("deleted %d: %v", n, err)
	}
	if !bytes.Equal(readShard(t, h.store, shard.Sum(data)), data) {
		t.Error("the second owner's bytes went with the first one's lease")
	}
	if n, err := h.store.Delete(b.grant); n != 1 || err != nil {
		t.Fatalf("deleted %d: %v", n, err)
	}
	if _, _, err := h.store.Open(shard.Sum(data)); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("after the last lease: %v", err)
	}
	if u := h.store.Usage(); u.Shards != 0 || u.Used != 0 {
		t.Errorf("usage %+v", u)
	}
	checkWhole(t, h.store)
}

func TestReceiveWrongBytes(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(300_000)
	lot := o.lot(t, data, 0, 0)
	wrong := bytes.Clone(data)
	wrong[299_999] ^= 1
	if _, err := h.store.Receive(t.Context(), lot, sends(wrong)); !errors.Is(err, wire.ErrDamaged) {
		t.Fatalf("wrong bytes: %v", err)
	}
	if u := h.store.Usage(); u.InFlight != 0 || u.Used != 0 {
		t.Errorf("usage %+v", u)
	}
	if _, err := os.Stat(h.store.path(lot.Offer.Shard)); !os.IsNotExist(err) {
		t.Errorf("a file lies in place: %v", err)
	}
	checkWhole(t, h.store)
	mustReceive(t, h.store, lot, data)
	checkWhole(t, h.store)
}

// TestReceiveWrongStart brings a broken transfer to its end whose kept bytes are
// not the shard's. They must not spoil every further try.
func TestReceiveWrongStart(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(300_000)
	lot := o.lot(t, data, 0, 0)
	broken := errors.New("connection lost")
	_, err := h.store.Receive(t.Context(), lot, func(int64) (io.Reader, error) {
		return io.MultiReader(bytes.NewReader(make([]byte, 100_000)), iotest.ErrReader(broken)), nil
	})
	if !errors.Is(err, broken) || h.store.Usage().InFlight == 0 {
		t.Fatalf("the first try: %v, %+v", err, h.store.Usage())
	}
	if _, err := h.store.Receive(t.Context(), lot, sends(data)); !errors.Is(err, wire.ErrDamaged) {
		t.Fatalf("the second try: %v", err)
	}
	if u := h.store.Usage(); u.InFlight != 0 {
		t.Errorf("usage %+v", u)
	}
	checkWhole(t, h.store)
	mustReceive(t, h.store, lot, data)
	checkWhole(t, h.store)
}

func TestReceiveResumes(t *testing.T) {
	for _, restart := range []bool{false, true} {
		h := newHome(t)
		o := newOwner(t, 1)
		data := randomBytes(1 << 20)
		lot := o.lot(t, data, 0, 0)
		cut := 700_001
		broken := errors.New("connection lost")
		_, err := h.store.Receive(t.Context(), lot, func(int64) (io.Reader, error) {
			return io.MultiReader(bytes.NewReader(data[:cut]), iotest.ErrReader(broken)), nil
		})
		if !errors.Is(err, broken) {
			t.Fatal(err)
		}
		kept := int64(cut - cut%groupSize)
		if u := h.store.Usage(); u.InFlight != kept {
			t.Errorf("in flight %d, kept are %d", u.InFlight, kept)
		}
		if restart {
			h.reopen(t)
		}
		checkWhole(t, h.store)
		var from int64
		_, err = h.store.Receive(t.Context(), lot, func(offset int64) (io.Reader, error) {
			from = offset
			return bytes.NewReader(data[offset:]), nil
		})
		if err != nil || from != kept {
			t.Fatalf("resumed from %d of %d: %v", from, kept, err)
		}
		if !bytes.Equal(readShard(t, h.store, lot.Offer.Shard), data) {
			t.Error("bytes differ")
		}
		checkWhole(t, h.store)
	}
}

// beginReceive starts taking in a lot and returns when its bytes are asked for:
// where to write them, and how it ends.
func beginReceive(s *Store, lot shard.Lot) (w *io.PipeWriter, ended chan error) {
	r, w := io.Pipe()
	asked := make(chan struct{})
	ended = make(chan error)
	go func() {
		_, err := s.Receive(context.Background(), lot, func(int64) (io.Reader, error) {
			close(asked)
			return r, nil
		})
		ended <- err
	}()
	<-asked
	return w, ended
}

func TestReceiveInProgress(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(50_000)
	lot := o.lot(t, data, 0, 0)
	w, ended := beginReceive(h.store, lot)
	if _, err := h.store.Receive(t.Context(), lot, sendsNothing(t)); !errors.Is(err, wire.ErrInProgress) {
		t.Errorf("second transfer: %v", err)
	}
	other := o.lot(t, data, 0, 1) // the same bytes, elsewhere in the file
	mustReceive(t, h.store, other, data)
	if _, err := w.Write(data); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	if rows, _, err := h.store.Held(o.grant.Admin, nil, 10); len(rows) != 2 || err != nil {
		t.Errorf("held %v: %v", rows, err)
	}
	checkWhole(t, h.store)
}
