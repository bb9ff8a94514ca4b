package exchange_test

import (
	"errors"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

const longer = uint32(shard.LeaseMax / time.Second)

func (f file) renewal(t testing.TB, host peer.ID, cursor []byte, spots ...shard.Spot) wire.Signed {
	t.Helper()
	return f.ordered(t, shard.OrderRenew, shard.Order{Host: host, Lease: longer, Cursor: cursor, Spots: spots})
}

func TestRenewInPages(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, other, id := newFile(t), newFile(t), n.host.ID()
	const count = 300 // more than a page
	for i := range count {
		f.put(t, c, id, uint32(i), noise(uint64(i), 64))
	}
	other.put(t, c, id, 0, noise(1000, 64))
	var cursor []byte
	renewed := map[uint32]bool{}
	for pages := 1; ; pages++ {
		receipts, next, err := c.Renew(t.Context(), id, f.signed, f.renewal(t, id, cursor))
		if err != nil {
			t.Fatal(err)
		}
		for _, signed := range receipts {
			r, err := shard.OpenRenewal(signed, id, mesh, shard.GrantDigest(f.signed), longer)
			if err != nil || r.Shard != shard.Sum(noise(uint64(r.Segment), 64)) || renewed[r.Segment] {
				t.Fatalf("%+v, %v", r, err)
			}
			renewed[r.Segment] = true
		}
		if cursor = next; next == nil {
			if pages != 2 {
				t.Errorf("%d pages, want 2", pages)
			}
			break
		}
	}
	if len(renewed) != count {
		t.Errorf("%d shards renewed, want %d", len(renewed), count)
	}
	soon := time.Now().Add(shard.LeaseDefault + time.Hour).Unix()
	for f, long := range map[*file]bool{&f: true, &other: false} {
		rows, _, err := c.List(t.Context(), id, f.signed, f.order(t, shard.OrderList, id, time.Hour, nil))
		if err != nil || len(rows) == 0 || (rows[0].LeaseEnd > soon) != long {
			t.Errorf("renewed %v: rows %+v, %v", long, rows[:min(1, len(rows))], err)
		}
	}
}

func TestRenewSpots(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	one, two, three := f.put(t, c, id, 1, noise(1, 64)), f.put(t, c, id, 2, noise(2, 64)), f.put(t, c, id, 3, noise(3, 64))
	n.store.Lose(three)
	spots := []shard.Spot{{Shard: two, Segment: 2}, {Shard: three, Segment: 3}, {Shard: one, Segment: 2}}
	receipts, next, err := c.Renew(t.Context(), id, f.signed, f.renewal(t, id, nil, spots...))
	if err != nil || len(receipts) != 1 || next != nil {
		t.Fatalf("%d receipts, cursor %x, %v; want one", len(receipts), next, err)
	}
	if r, err := shard.OpenRenewal(receipts[0], id, mesh, shard.GrantDigest(f.signed), longer); err != nil || r.Shard != two || r.Segment != 2 || r.Length != 64 {
		t.Errorf("%+v, %v", r, err)
	}
}

// A RENEW confirms what a put offered as a draft.
func TestDraft(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id, body := newFile(t), n.host.ID(), noise(1, 64)
	o := f.lot(t, 0, 0, body)
	o.Draft = true
	_, r, err := c.Offer(t.Context(), id, o, body, nil)
	if err != nil || r.LeaseEnd-r.Time < int64(o.Terms.Lease) {
		t.Fatalf("receipt of a draft: %+v, %v", r, err)
	}
	f.put(t, c, id, 1, noise(2, 64))
	if got := n.store.Drafts(); got != 1 {
		t.Fatalf("%d drafts, want 1", got)
	}
	if _, _, err := c.Renew(t.Context(), id, f.signed, f.renewal(t, id, nil)); err != nil || n.store.Drafts() != 0 {
		t.Errorf("%d drafts after RENEW, %v", n.store.Drafts(), err)
	}
}

func TestRenewRefused(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	renew := func(o shard.Order) error {
		o.Host = id
		_, _, err := c.Renew(t.Context(), id, f.signed, f.ordered(t, shard.OrderRenew, o))
		return err
	}
	for name, o := range map[string]shard.Order{
		"no lease":        {},
		"lease for ever":  {Lease: longer + 1},
		"long cursor":     {Lease: 60, Cursor: make([]byte, 129)},
		"too many spots":  {Lease: 60, Spots: make([]shard.Spot, shard.MaxPicks+1)},
		"another's pages": {Lease: 60, Cursor: []byte("not a cursor")},
	} {
		if err := renew(o); !errors.Is(err, wire.ErrBadRequest) {
			t.Errorf("%s: %v, want ErrBadRequest", name, err)
		}
	}
	if _, err := c.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Hour, nil)); err != nil {
		t.Fatal(err)
	}
	if err := renew(shard.Order{Lease: 60}); !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("after DELETE: %v, want ErrDeleted", err)
	}
}

func TestRenewAtLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]error{
		exchangetest.ReplaysReceipt:   exchange.ErrProtocol, // of the OFFER: too short a lease
		exchangetest.ForgesReceipt:    wire.ErrBadSignature,
		exchangetest.ShortLease:       exchange.ErrProtocol,
		exchangetest.BackdatesReceipt: wire.ErrExpired,
		exchangetest.RenewsTwice:      exchange.ErrProtocol,
		exchangetest.RenewsOthers:     exchange.ErrProtocol,
		exchangetest.OtherAnswer:      exchange.ErrProtocol,
		honest:                        nil,
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			host, one, two := net.LocalPeer(), noise(1, 64), noise(2, 64)
			_, _, _ = c.Offer(t.Context(), host, f.lot(t, 0, 0, one), one, nil)
			_, _, _ = c.Offer(t.Context(), host, f.lot(t, 1, 0, two), two, nil)
			receipts, _, err := c.Renew(t.Context(), host, f.signed, f.renewal(t, host, nil, shard.Spot{Shard: shard.Sum(one)}))
			if !errors.Is(err, want) || (want == nil && len(receipts) != 1) {
				t.Errorf("Renew: %d receipts, %v, want %v", len(receipts), err, want)
			}
		})
	}
}
