package exchange_test

import (
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// The operations whose request is a grant and an order, by the kind of it.
var ordered = map[string]byte{
	shard.OrderList: 4, shard.OrderAudit: 5, shard.OrderRenew: 6, shard.OrderDelete: 7, shard.OrderTurn: 11,
}

// whole is an order that is in order for every kind.
func whole(host peer.ID) shard.Order {
	return shard.Order{Host: host, Lease: 60, Picks: make([]shard.Pick, 1), NotAfter: time.Now().Add(time.Hour).Unix()}
}

// recorded returns the request as it went over the wire.
func recorded(t testing.TB, op byte, grant, order wire.Signed) []byte {
	t.Helper()
	payload, err := wire.Marshal(map[int]any{1: grant, 2: order})
	if err != nil {
		t.Fatal(err)
	}
	return wire.AppendFrame(nil, op, payload)
}

// A recorded order does nothing at another host, and nothing later; at its
// host and in its time it is only what was asked for, once more.
func TestReplayedOrders(t *testing.T) {
	n, _ := serveKeeper(t, nil)
	other, _ := serveKeeper(t, nil)
	c, h := dialler(t, exchange.Timeouts{}, n.host, other.host)
	f := newFile(t)
	for _, at := range []node{n, other} {
		f.put(t, c, at.host.ID(), 0, noise(1, 64))
		if err := c.Keep(t.Context(), at.host.ID(), f.charge(0), nil); err != nil {
			t.Fatal(err)
		}
	}
	for kind, op := range ordered {
		forN := f.ordered(t, kind, whole(n.host.ID()))
		if err := raw(t, h, other.host.ID(), recorded(t, op, f.signed, forN)); !errors.Is(err, wire.ErrBadSignature) {
			t.Errorf("%s at another host: %v, want ErrBadSignature", kind, err)
		}
		old := whole(n.host.ID())
		old.NotAfter = time.Now().Add(-shard.ClockSlack - time.Minute).Unix()
		if err := raw(t, h, n.host.ID(), recorded(t, op, f.signed, f.ordered(t, kind, old))); !errors.Is(err, wire.ErrExpired) {
			t.Errorf("%s later: %v, want ErrExpired", kind, err)
		}
		longLived := whole(n.host.ID())
		longLived.NotAfter += int64((shard.OrderMax + 2*shard.ClockSlack) / time.Second)
		if err := raw(t, h, n.host.ID(), recorded(t, op, f.signed, f.ordered(t, kind, longLived))); !errors.Is(err, wire.ErrBadRequest) {
			t.Errorf("%s good for days: %v, want ErrBadRequest", kind, err)
		}
		if kind == shard.OrderDelete {
			continue
		}
		if answer, _ := answered(t, h, n.host.ID(), recorded(t, op, f.signed, forN)); answer == wire.KindError {
			t.Errorf("%s at its host is refused", kind)
		}
	}
	for _, at := range []node{n, other} {
		if at.store.Shards() != 1 {
			t.Error("a replayed DELETE dropped a shard")
		}
	}
}

// An order of one kind, or of one key, is none of another.
func TestKindsOfOrders(t *testing.T) {
	n, _ := serveKeeper(t, nil)
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	f.put(t, c, id, 0, noise(1, 64))
	admin, repair := f.seed.AdminKey(f.id), f.seed.FileKey(f.id).RepairKey()
	body := whole(id)
	body.Grant = shard.GrantDigest(f.signed)
	for kind, op := range ordered {
		for signedAs := range ordered {
			for _, byAdmin := range []bool{false, true} {
				key := repair
				if byAdmin {
					key = admin
				}
				if signedAs == kind && byAdmin == (kind == shard.OrderDelete) {
					continue
				}
				order, err := body.Sign(key, signedAs, mesh)
				if err != nil {
					t.Fatal(err)
				}
				if err := raw(t, h, id, recorded(t, op, f.signed, order)); !errors.Is(err, wire.ErrBadSignature) {
					t.Errorf("%s signed as %s, by the admin key %v: %v, want ErrBadSignature", kind, signedAs, byAdmin, err)
				}
			}
		}
	}
	if n.store.Shards() != 1 {
		t.Error("the shard is gone")
	}
}
