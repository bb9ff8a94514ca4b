package store

import (
	"errors"
	"net/netip"
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
