package exchange_test

import (
	"errors"
	"io"
	"testing"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// What a peer may have proven and renewed in a minute is bounded; another peer
// has its own share.
func TestRates(t *testing.T) {
	n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Limits.PeerLeaves, cfg.Limits.PeerRenewals = 3, 3 })
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	other, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	pick := shard.Pick{Shard: f.put(t, c, id, 0, noise(1, 64))}
	audit := func(c *exchange.Client) error {
		_, err := c.Audit(t.Context(), id, f.signed, f.picked(t, id, pick, pick), 2)
		return err
	}
	renew := func(c *exchange.Client) error {
		_, _, err := c.Renew(t.Context(), id, f.signed, f.renewal(t, id, nil))
		return err
	}
	for name, do := range map[string]func(*exchange.Client) error{"AUDIT": audit, "RENEW": renew} {
		for range 2 { // two leaves, a renewal and its one row
			if err := do(c); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
		if err := do(c); !errors.Is(err, wire.ErrBusy) || !exchange.Retryable(err) {
			t.Errorf("third %s: %v, want ErrBusy", name, err)
		}
		if err := do(other); err != nil {
			t.Errorf("%s of another peer: %v", name, err)
		}
	}
}

// haltStore stands still in Prove.
type haltStore struct {
	*exchangetest.Store
	entered, leave chan struct{}
}

func (s haltStore) Prove(id shard.ID, leaf uint32) ([]byte, error) {
	s.entered <- struct{}{}
	<-s.leave
	return s.Store.Prove(id, leaf)
}

// Answers that are built in memory have few places, for each peer and in all.
func TestAnswersBusy(t *testing.T) {
	for name, limits := range map[string]exchange.Limits{"of a peer": {PeerAnswers: 1}, "in all": {Answers: 1}} {
		t.Run(name, func(t *testing.T) {
			store := haltStore{exchangetest.NewStore(), make(chan struct{}), make(chan struct{})}
			n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Store, cfg.Limits = store, limits })
			c, _ := dialler(t, exchange.Timeouts{}, n.host)
			other, _ := dialler(t, exchange.Timeouts{}, n.host)
			f, id := newFile(t), n.host.ID()
			ended := make(chan error, 1)
			go func() {
				_, err := c.Audit(t.Context(), id, f.signed, f.picked(t, id, shard.Pick{}), 1)
				ended <- err
			}()
			<-store.entered
			if _, err := c.Notes(t.Context(), id, f.grant.Locator); !errors.Is(err, wire.ErrBusy) {
				t.Errorf("Notes beside it: %v, want ErrBusy", err)
			}
			if _, err := c.Audit(t.Context(), id, f.signed, f.picked(t, id, shard.Pick{}), 1); !errors.Is(err, wire.ErrBusy) {
				t.Errorf("Audit beside it: %v, want ErrBusy", err)
			}
			if _, err := other.Notes(t.Context(), id, f.grant.Locator); (limits.Answers == 1) != errors.Is(err, wire.ErrBusy) {
				t.Errorf("Notes of another peer: %v", err)
			}
			close(store.leave)
			if err := <-ended; err != nil {
				t.Error(err)
			}
			until(t, "the place is free again", func() bool {
				_, err := c.Notes(t.Context(), id, f.grant.Locator)
				return err == nil
			})
		})
	}
}

// A manifest on its way takes a place of its peer's, as a shard does, and a
// sender that stalls loses it.
func TestKeepTakesAPlace(t *testing.T) {
	n, _ := serveKeeper(t, func(cfg *exchange.ServerConfig) {
		cfg.Limits.PeerTransfers = 1
		cfg.Timeouts = hasty
	})
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- c.Keep(t.Context(), id, f.charge(1000), r) }()
	if _, err := w.Write(make([]byte, 500)); err != nil {
		t.Fatal(err)
	}
	note, terms := f.note(t, 1, 1, []byte("note"))
	if _, err := c.PutNote(t.Context(), id, note, terms); !errors.Is(err, wire.ErrBusy) {
		t.Errorf("PutNote beside it: %v, want ErrBusy", err)
	}
	until(t, "the place is free again", func() bool {
		_, err := c.PutNote(t.Context(), id, note, terms)
		return err == nil
	})
	w.Close()
	if err := <-ended; err == nil {
		t.Error("the stalled Keep went through")
	}
}
