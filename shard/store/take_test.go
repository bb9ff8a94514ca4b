package store

import (
	"bytes"
	"errors"
	"io"
	"net/netip"
	"runtime"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// A host that leaves takes nothing more, but prolongs and gives what it has.
func TestTakeNothing(t *testing.T) {
	h := newHome(t)
	o, data := newOwner(t, 1), randomBytes(1000)
	lot := o.lot(t, data, 0, 0)
	mustReceive(t, h.store, lot, data)
	h.store.Take(false)
	if _, err := h.store.Hold(lot.Peer, netip.Prefix{}, 1); !errors.Is(err, wire.ErrFull) {
		t.Errorf("Hold: %v", err)
	}
	other := randomBytes(2000)
	if _, err := h.store.Receive(t.Context(), o.lot(t, other, 0, 1), sends(other)); !errors.Is(err, wire.ErrFull) {
		t.Errorf("Receive: %v", err)
	}
	if rows, _, err := h.store.Renew(o.grant, nil, shard.LeaseMax, nil, 10); err != nil || len(rows) != 1 {
		t.Errorf("Renew: %d rows, %v", len(rows), err)
	}
	readShard(t, h.store, lot.Offer.Shard)
	h.store.Take(true)
	mustReceive(t, h.store, o.lot(t, other, 0, 1), other)
}

// What is under way when a host stops taking has no receipt: the lots have been
// told. Its bytes are kept.
func TestTakeNothingMeanwhile(t *testing.T) {
	for _, length := range []int{1000, groupSize + 1000} {
		h := newHome(t)
		o, data := newOwner(t, 1), randomBytes(length)
		lot := o.lot(t, data, 0, 0)
		_, err := h.store.Receive(t.Context(), lot, func(int64) (io.Reader, error) {
			h.store.Take(false)
			return bytes.NewReader(data), nil
		})
		if !errors.Is(err, wire.ErrFull) {
			t.Errorf("a receipt, %v, after the lots were told", err)
		}
		for range h.store.Lots(t.Context()) {
			t.Error("its shard is here")
		}
		h.store.Take(true)
		from := int64(-1)
		_, err = h.store.Receive(t.Context(), lot, func(offset int64) (io.Reader, error) {
			from = offset
			return bytes.NewReader(data[offset:]), nil
		})
		if want := int64(length - length%groupSize); err != nil || from != want {
			t.Errorf("%d bytes kept, want %d, %v", from, want, err)
		}
	}
}

// Take returns when what was being committed is here to be handed on.
func TestTakeWaitsForCommits(t *testing.T) {
	h := newHome(t)
	told := make(chan int, 1)
	h.reopen(t, func(s *Store) {
		s.crash = func(point string) {
			if point != "folder synced" {
				return
			}
			go func() {
				s.Take(false)
				lots := 0
				for range s.Lots(t.Context()) {
					lots++
				}
				told <- lots
			}()
			for len(told) == 0 && s.taking.TryRLock() { // until Take waits, or has not waited
				s.taking.RUnlock()
				runtime.Gosched()
			}
		}
	})
	o, data := newOwner(t, 1), randomBytes(1000)
	_, err := h.store.Receive(t.Context(), o.lot(t, data, 0, 0), sends(data))
	if lots := <-told; err == nil && lots != 1 {
		t.Errorf("%d lots are told, one has a receipt", lots)
	}
}

// A note that takes the place of one that was handed on would go with the host.
func TestTakeNoNotes(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	first := o.note(t, 1, 1, []byte("a note that is long"))
	mustPutNote(t, h.store, first)
	h.store.Take(false)
	for _, lot := range []shard.NoteLot{o.note(t, 1, 2, []byte("short")), o.note(t, 2, 1, []byte("other"))} {
		if _, err := h.store.PutNote(lot); !errors.Is(err, wire.ErrFull) {
			t.Errorf("note %d of writer %d: %v", lot.Note.Seq, lot.Note.Writer, err)
		}
	}
	mustPutNote(t, h.store, first) // prolongs it
}

func TestHolds(t *testing.T) {
	h := newHome(t)
	o, data := newOwner(t, 1), randomBytes(1000)
	if h.store.Holds(o.grant.Locator) {
		t.Error("an empty store holds a file")
	}
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	if !h.store.Holds(o.grant.Locator) || h.store.Holds(newOwner(t, 2).grant.Locator) {
		t.Error("it does not know what it holds")
	}
	if _, err := h.store.Delete(o.grant); err != nil {
		t.Fatal(err)
	}
	if h.store.Holds(o.grant.Locator) {
		t.Error("what was deleted is held")
	}
}
