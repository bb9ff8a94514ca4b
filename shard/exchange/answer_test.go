package exchange_test

import (
	"errors"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

func TestAskWithoutRoom(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	n.store.Limit(1000, 0)
	a, err := c.Ask(t.Context(), n.host.ID(), 1001, shard.LeaseDefault)
	if err != nil || a.Takes || a.Free != 1000 || !errors.Is(a.Why, wire.ErrFull) {
		t.Errorf("over capacity: %+v, %v", a, err)
	}
	n.store.Limit(1000, 100)
	a, err = c.Ask(t.Context(), n.host.ID(), 101, shard.LeaseDefault)
	if err != nil || a.Takes || a.Free != 100 || !errors.Is(a.Why, wire.ErrQuota) {
		t.Errorf("over quota: %+v, %v", a, err)
	}
	a, err = c.Ask(t.Context(), n.host.ID(), 0, shard.LeaseDefault)
	if err != nil || !a.Takes || a.Free != 100 {
		t.Errorf("only asking: %+v, %v", a, err)
	}
	body := noise(1, 1001)
	n.store.Limit(1000, 0)
	if _, _, err := c.Offer(t.Context(), n.host.ID(), newFile(t).lot(t, 0, 0, body), body, nil); !errors.Is(err, wire.ErrFull) {
		t.Errorf("offer over capacity: %v, want ErrFull", err)
	}
}

func TestNoSuchProtocol(t *testing.T) {
	h, _ := newHost(t)
	c, _ := dialler(t, exchange.Timeouts{}, h)
	if _, err := c.Ask(t.Context(), h.ID(), 1, shard.LeaseDefault); !errors.Is(err, wire.ErrUnsupported) {
		t.Errorf("Ask: %v, want ErrUnsupported", err)
	}
}

func TestClocks(t *testing.T) {
	for _, c := range []struct {
		ahead time.Duration // of the host's clock
		want  error
	}{{0, nil}, {time.Hour, nil}, {-time.Hour, nil}, {-24 * time.Hour, nil}, {24 * time.Hour, wire.ErrExpired}} {
		n := serve(t, func(cfg *exchange.ServerConfig) {
			cfg.Now = func() time.Time { return time.Now().Add(c.ahead) }
		})
		cl, _ := dialler(t, exchange.Timeouts{}, n.host)
		f, id, body := newFile(t), n.host.ID(), noise(1, 64)
		if _, _, err := cl.List(t.Context(), id, f.signed, f.order(t, shard.OrderList, id, time.Minute, nil)); !errors.Is(err, c.want) {
			t.Errorf("LIST, host %v ahead: %v, want %v", c.ahead, err, c.want)
		}
		if _, err := cl.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Minute, nil)); !errors.Is(err, c.want) {
			t.Errorf("DELETE, host %v ahead: %v, want %v", c.ahead, err, c.want)
		}
		// Offers and receipts compare no clocks within the slack.
		other := newFile(t)
		_, r, err := cl.Offer(t.Context(), id, other.lot(t, 0, 0, body), body, nil)
		if c.ahead.Abs() <= time.Hour && (err != nil || r.LeaseEnd == 0) {
			t.Errorf("OFFER, host %v ahead: %+v, %v", c.ahead, r, err)
		}
	}
}
