package exchange_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// hasty are timeouts for tests in which somebody never answers.
var hasty = exchange.Timeouts{Answer: 400 * time.Millisecond, Idle: 400 * time.Millisecond}

// silent are the tricks that only a timeout ends.
var silent = []exchangetest.Trick{
	exchangetest.NeverAnswers, exchangetest.HugeFrame, exchangetest.StallsOffer, exchangetest.NoReceipt,
	exchangetest.ReadyBeyond, exchangetest.StallsFetch, exchangetest.ProofStalls,
}

// honest is no trick at all.
const honest exchangetest.Trick = "is honest"

// liar starts a lying host and returns a client that knows it.
func liar(t testing.TB, trick exchangetest.Trick) (*exchange.Client, *exchangetest.Liar, network.Network, file) {
	t.Helper()
	h, key := newHost(t)
	l := exchangetest.Lie(h, key, mesh, trick)
	t.Cleanup(l.Stop)
	timeouts := exchange.Timeouts{}
	if slices.Contains(silent, trick) {
		timeouts = hasty
	}
	c, _ := dialler(t, timeouts, h)
	return c, l, h.Network(), newFile(t)
}

func TestOfferToLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]error{
		exchangetest.NeverAnswers:   wire.ErrTimeout,
		exchangetest.Rubbish:        exchange.ErrProtocol,
		exchangetest.HugeFrame:      wire.ErrTooLarge,
		exchangetest.Malformed:      exchange.ErrProtocol,
		exchangetest.OtherAnswer:    exchange.ErrProtocol,
		exchangetest.EndlessHints:   exchange.ErrProtocol,
		exchangetest.StallsOffer:    wire.ErrTimeout,
		exchangetest.RejectsLate:    wire.ErrFull,
		exchangetest.BreaksOffer:    network.ErrReset,
		exchangetest.NoReceipt:      wire.ErrTimeout,
		exchangetest.ForgesReceipt:  wire.ErrBadSignature,
		exchangetest.ShortLease:     exchange.ErrProtocol,
		exchangetest.ReadyBeyond:    exchange.ErrProtocol,
		exchangetest.HangsUp:        nil, // some error
		exchangetest.ReplaysReceipt: wire.ErrBadSignature,
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			if trick == exchangetest.ReplaysReceipt { // the first is no replay
				first := noise(9, 64)
				if _, _, err := c.Offer(t.Context(), net.LocalPeer(), f.lot(t, 9, 0, first), first, nil); err != nil {
					t.Fatal(err)
				}
			}
			body := noise(1, 8<<20)
			_, _, err := c.Offer(t.Context(), net.LocalPeer(), f.lot(t, 0, 0, body), body, nil)
			if err == nil || (want != nil && !errors.Is(err, want)) {
				t.Errorf("Offer: %v, want %v", err, want)
			}
			if exchange.Retryable(err) {
				t.Errorf("%v counts as retryable", err)
			}
		})
	}
}

func TestFetchFromLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]error{
		exchangetest.StoresNothing:   wire.ErrNotFound,
		exchangetest.HasItAlready:    wire.ErrNotFound,
		exchangetest.SendsShort:      nil,
		exchangetest.SaysOtherLength: wire.ErrDamaged,
		exchangetest.StallsFetch:     wire.ErrTimeout,
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			body := noise(1, 1<<20)
			o := f.lot(t, 0, 0, body)
			if _, _, err := c.Offer(t.Context(), net.LocalPeer(), o, body, nil); err != nil {
				t.Fatal(err)
			}
			err := c.Fetch(t.Context(), net.LocalPeer(), o.Terms.Shard, 0, make([]byte, len(body)), nil)
			if err == nil || (want != nil && !errors.Is(err, want)) {
				t.Errorf("Fetch: %v, want %v", err, want)
			}
		})
	}
	for _, trick := range []exchangetest.Trick{exchangetest.StoresWrongBytes, exchangetest.SendsWrongBytes} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			body, got := noise(1, 1<<20), make([]byte, 1<<20)
			o := f.lot(t, 0, 0, body)
			if _, _, err := c.Offer(t.Context(), net.LocalPeer(), o, body, nil); err != nil {
				t.Fatal(err)
			}
			if err := c.Fetch(t.Context(), net.LocalPeer(), o.Terms.Shard, 0, got, nil); err != nil {
				t.Fatal(err)
			}
			if bytes.Equal(got, body) || shard.Sum(got) == o.Terms.Shard {
				t.Error("the liar sent the right bytes")
			}
		})
	}
}

// A host may change its mind while the bytes come: the sender must notice
// before it has pushed the whole shard out.
func TestRejectWhileSending(t *testing.T) {
	h, key := newHost(t)
	defer exchangetest.Lie(h, key, mesh, exchangetest.RejectsLate).Stop()
	c, _ := dialler(t, exchange.Timeouts{}, h) // no timeout helps
	f, body := newFile(t), noise(1, shard.MaxShardLength)
	began, sent := time.Now(), 0
	_, _, err := c.Offer(t.Context(), h.ID(), f.lot(t, 0, 0, body), body, func(n int) { sent += n })
	if !errors.Is(err, wire.ErrFull) || errors.Is(err, exchange.ErrProtocol) {
		t.Errorf("Offer: %v, want ErrFull", err)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("noticed after %v", took)
	}
	t.Logf("%d of %d bytes were sent", sent, len(body))
}

// Every trick, against every operation: nothing hangs, nothing panics.
func TestEveryTrickEnds(t *testing.T) {
	for _, trick := range exchangetest.Tricks {
		t.Run(string(trick), func(t *testing.T) {
			t.Parallel()
			c, _, net, f := liar(t, trick)
			id, body := net.LocalPeer(), noise(1, 100_000)
			o := f.lot(t, 0, 0, body)
			began := time.Now()
			_, _ = c.Ask(t.Context(), id, 1, shard.LeaseDefault)
			_, _, _ = c.Offer(t.Context(), id, o, body, nil)
			_ = c.Fetch(t.Context(), id, o.Terms.Shard, 0, make([]byte, len(body)), nil)
			_, _, _ = c.List(t.Context(), id, f.signed, f.order(t, shard.OrderList, id, time.Hour, nil))
			_, _ = c.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Hour, nil))
			_, _ = c.Audit(t.Context(), id, f.signed, f.picked(t, id, shard.Pick{Shard: o.Terms.Shard}), 1)
			_, _, _ = c.Renew(t.Context(), id, f.signed, f.renewal(t, id, nil))
			note, terms := f.note(t, 1, 1, body[:1000])
			_, _ = c.PutNote(t.Context(), id, note, terms)
			_, _ = c.Notes(t.Context(), id, f.grant.Locator)
			_ = c.Keep(t.Context(), id, f.charge(len(body)), bytes.NewReader(body))
			_, _ = c.Turn(t.Context(), id, f.signed, f.order(t, shard.OrderTurn, id, time.Hour, nil))
			if took := time.Since(began); took > 15*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}
