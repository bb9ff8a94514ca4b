package exchange_test

import (
	"context"
	"errors"
	"runtime"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// stuck starts an OFFER that stands still after its first write until the
// returned function is called; that one waits for its end and returns its error.
func stuck(t testing.TB, c *exchange.Client, n node, o exchange.Outgoing, body []byte) (release func() error) {
	t.Helper()
	began, held, ended := make(chan struct{}, 1), make(chan struct{}), make(chan error, 1)
	first := true
	go func() {
		_, _, err := c.Offer(context.WithoutCancel(t.Context()), n.host.ID(), o, body, func(int) {
			if first {
				first = false
				began <- struct{}{}
				<-held
			}
		})
		ended <- err
	}()
	select {
	case <-began:
	case err := <-ended:
		t.Fatalf("offer ended before it began: %v", err)
	}
	return func() error {
		close(held)
		return <-ended
	}
}

func TestBusy(t *testing.T) {
	for name, limits := range map[string]exchange.Limits{
		"transfers of a peer": {PeerTransfers: 1},
		"bytes of a peer":     {PeerBytes: 3 << 20},
		"transfers":           {Transfers: 1},
	} {
		t.Run(name, func(t *testing.T) {
			n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Limits = limits })
			c, _ := dialler(t, exchange.Timeouts{}, n.host)
			other, _ := dialler(t, exchange.Timeouts{}, n.host)
			f, small := newFile(t), noise(2, 1000)
			kept := f.lot(t, 0, 0, small)
			if _, _, err := c.Offer(t.Context(), n.host.ID(), kept, small, nil); err != nil {
				t.Fatal(err)
			}
			body, more := noise(1, 2<<20), noise(3, 2<<20)
			release := stuck(t, c, n, f.lot(t, 1, 0, body), body)
			_, _, err := c.Offer(t.Context(), n.host.ID(), f.lot(t, 1, 1, more), more, nil)
			if !errors.Is(err, wire.ErrBusy) || !exchange.Retryable(err) {
				t.Errorf("second offer: %v, want ErrBusy", err)
			}
			_, _, err = other.Offer(t.Context(), n.host.ID(), f.lot(t, 1, 1, more), more, nil)
			if all := limits.Transfers == 1; all != errors.Is(err, wire.ErrBusy) {
				t.Errorf("offer of another peer: %v", err)
			}
			// What comes in never stops what goes out, nor the small talk.
			if err := c.Fetch(t.Context(), n.host.ID(), kept.Terms.Shard, 0, make([]byte, 1000), nil); err != nil {
				t.Errorf("fetch: %v", err)
			}
			if _, err := c.Ask(t.Context(), n.host.ID(), 1, shard.LeaseDefault); err != nil {
				t.Errorf("ask: %v", err)
			}
			if err := release(); err != nil {
				t.Errorf("first offer: %v", err)
			}
			until(t, "the place is free again", func() bool {
				_, _, err := c.Offer(t.Context(), n.host.ID(), f.lot(t, 1, 1, more), more, nil)
				return err == nil
			})
		})
	}
}

func halfOpen(t testing.TB, from, to host.Host, write []byte) network.Stream {
	t.Helper()
	s, err := from.NewStream(t.Context(), to.ID(), exchange.ProtocolID(mesh))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Reset() })
	if _, err := s.Write(write); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestStreamsOfOnePeer(t *testing.T) {
	n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Limits.PeerStreams = 3 })
	c, h := dialler(t, exchange.Timeouts{}, n.host)
	var err error
	until(t, "a fourth stream is refused", func() bool {
		// Until three are held; one that comes while an ASK ends is refused itself.
		if s, err := h.NewStream(t.Context(), n.host.ID(), exchange.ProtocolID(mesh)); err == nil {
			_, _ = s.Write([]byte{0})
		}
		_, err = c.Ask(t.Context(), n.host.ID(), 1, shard.LeaseDefault)
		return err != nil
	})
	if !errors.Is(err, wire.ErrBusy) {
		t.Errorf("fourth stream: %v, want ErrBusy", err)
	}
	other, _ := dialler(t, exchange.Timeouts{}, n.host)
	if _, err := other.Ask(t.Context(), n.host.ID(), 1, shard.LeaseDefault); err != nil {
		t.Errorf("another peer: %v", err)
	}
}

// A hundred streams that begin and never go on: nothing, half a header, a
// header without its payload, an OFFER without its bytes.
func TestHalfOpenStreams(t *testing.T) {
	registry := prometheus.NewRegistry()
	n := serve(t, func(cfg *exchange.ServerConfig) {
		cfg.Registerer = registry
		cfg.Timeouts = exchange.Timeouts{Answer: 2 * time.Second, Idle: 2 * time.Second}
	})
	f := newFile(t)
	big := noise(7, 1<<20)
	o := f.lot(t, 0, 0, big)
	payload, err := wire.Marshal(map[int]any{1: o.Grant, 2: o.Offer})
	if err != nil {
		t.Fatal(err)
	}
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	var streams []network.Stream
	for range 4 {
		_, h := dialler(t, exchange.Timeouts{}, n.host)
		for i := range 25 {
			begun := [][]byte{nil, {0, 0}, {0, 0, 1, 0, 2}, wire.AppendFrame(nil, 2, payload)}[i%4]
			streams = append(streams, halfOpen(t, h, n.host, begun))
		}
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	// Both ends and four hosts are in this process.
	if grew := int64(after.HeapAlloc) - int64(before.HeapAlloc); grew > 16<<20 {
		t.Errorf("a hundred half-open streams hold %d bytes", grew)
	} else {
		t.Logf("heap grew by %d KiB", grew>>10)
	}
	began := time.Now()
	for i := range 10 {
		body := noise(uint64(i), 100_000)
		lot := f.lot(t, 1, uint8(i), body)
		if _, _, err := c.Offer(t.Context(), n.host.ID(), lot, body, nil); err != nil {
			t.Fatal(err)
		}
		if err := c.Fetch(t.Context(), n.host.ID(), lot.Terms.Shard, 0, make([]byte, len(body)), nil); err != nil {
			t.Fatal(err)
		}
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("ten shards out and home took %v beside them", took)
	}
	for _, s := range streams { // the host ends every one of them by itself
		_ = s.SetReadDeadline(time.Now().Add(15 * time.Second))
		for {
			kind, payload, err := wire.ReadFrame(s, 1<<12)
			if err != nil {
				if kind == 0 && isTimeout(err) {
					t.Fatal("a half-open stream was left open")
				}
				break
			}
			if err := wire.ReadError(payload); kind == 0 && !errors.Is(err, wire.ErrTimeout) && !errors.Is(err, wire.ErrInProgress) {
				t.Errorf("ended with %v", err)
			}
		}
	}
	until(t, "no transfer is left", func() bool {
		return gather(t, registry)["batchain_exchange_transfers in"] == 0
	})
}

func isTimeout(err error) bool {
	var timeout interface{ Timeout() bool }
	return errors.As(err, &timeout) && timeout.Timeout()
}
