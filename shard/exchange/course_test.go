package exchange_test

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/metrics"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

// offerUntil offers until the host says something that no retry changes.
func offerUntil(ctx context.Context, c *exchange.Client, p peer.ID, o exchange.Outgoing, body []byte) error {
	for {
		_, _, err := c.Offer(ctx, p, o, body, nil)
		if !exchange.Retryable(err) {
			return err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func TestInProgressThenDone(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	body := noise(1, 2<<20)
	o := newFile(t).lot(t, 0, 0, body)
	release := stuck(t, c, n, o, body)
	_, _, err := c.Offer(t.Context(), n.host.ID(), o, body, nil)
	if !errors.Is(err, wire.ErrInProgress) || !exchange.Retryable(err) {
		t.Errorf("second offer: %v, want ErrInProgress", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if err := offerUntil(t.Context(), c, n.host.ID(), o, body); err != nil {
		t.Fatal(err)
	}
	if n.store.Delivered() != int64(len(body)) {
		t.Errorf("%d bytes went over the wire, want %d", n.store.Delivered(), len(body))
	}
}

// onConn is a host whose streams all go over one connection.
type onConn struct {
	host.Host
	conn network.Conn
}

func (h onConn) NewStream(ctx context.Context, _ peer.ID, ids ...protocol.ID) (network.Stream, error) {
	s, err := h.conn.NewStream(ctx)
	if err != nil {
		return nil, err
	}
	if err := multistream.SelectProtoOrFail(ids[0], s); err != nil {
		_ = s.Reset()
		return nil, err
	}
	return s, s.SetProtocol(ids[0])
}

// twice makes two hosts dial each other at once until two connections stand.
func twice(t testing.TB, a, b host.Host) []network.Conn {
	t.Helper()
	know(a, b)
	know(b, a)
	var conns []network.Conn
	until(t, "two connections stand", func() bool {
		var wg sync.WaitGroup
		wg.Go(func() { _ = a.Connect(t.Context(), peer.AddrInfo{ID: b.ID()}) })
		wg.Go(func() { _ = b.Connect(t.Context(), peer.AddrInfo{ID: a.ID()}) })
		wg.Wait()
		conns = a.Network().ConnsToPeer(b.ID())
		if len(conns) == 2 {
			return true
		}
		_ = a.Network().ClosePeer(b.ID())
		_ = b.Network().ClosePeer(a.ID())
		return false
	})
	return conns
}

// Both sides dialled at once and the shard is offered on both connections: the
// bytes go once.
func TestDoubleConnection(t *testing.T) {
	n := serve(t, nil)
	traffic := metrics.NewBandwidthCounter()
	a, _ := newHost(t, libp2p.BandwidthReporter(traffic))
	conns := twice(t, a, n.host)
	body := noise(1, 4<<20)
	o := newFile(t).lot(t, 0, 0, body)
	var wg sync.WaitGroup
	errs := make([]error, len(conns))
	for i, conn := range conns {
		c := exchange.NewClient(onConn{a, conn}, mesh, exchange.Timeouts{})
		wg.Go(func() { errs[i] = offerUntil(t.Context(), c, n.host.ID(), o, body) })
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	if n.store.Delivered() != int64(len(body)) || n.store.Shards() != 1 {
		t.Errorf("%d bytes delivered, %d shards; want %d and 1", n.store.Delivered(), n.store.Shards(), len(body))
	}
	if out := traffic.GetBandwidthTotals().TotalOut; float64(out) > 1.05*float64(len(body)) {
		t.Errorf("%d bytes were written for a shard of %d", out, len(body))
	}
}

// An offer that broke off goes on where the host has got to.
func TestResume(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	body := noise(1, 4<<20)
	o := newFile(t).lot(t, 0, 0, body)
	ctx, cancel := context.WithCancel(t.Context())
	sent := 0
	_, _, err := c.Offer(ctx, n.host.ID(), o, body, func(k int) {
		if sent += k; sent == 2<<20 {
			until(t, "half has arrived", func() bool { return n.store.Delivered() == 2<<20 })
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatalf("cancelled offer: %v", err)
	}
	if err := offerUntil(t.Context(), c, n.host.ID(), o, body); err != nil {
		t.Fatal(err)
	}
	if got := n.store.Delivered(); got > 4<<20+exchange.BulkSize {
		t.Errorf("%d bytes delivered for a shard of %d", got, len(body))
	}
	if !n.holds(t, body) {
		t.Error("the shard is not whole")
	}
}

// The end of the context is felt at once, at every stage, whatever the host
// does.
func TestCancel(t *testing.T) {
	for _, trick := range []exchangetest.Trick{
		exchangetest.NeverAnswers, exchangetest.StallsOffer, exchangetest.NoReceipt, exchangetest.StallsFetch,
	} {
		t.Run(string(trick), func(t *testing.T) {
			h, key := newHost(t)
			l := exchangetest.Lie(h, key, mesh, trick)
			defer l.Stop()
			c, _ := dialler(t, exchange.Timeouts{Answer: time.Minute}, h)
			body := noise(1, 8<<20)
			o := newFile(t).lot(t, 0, 0, body)
			cause := errors.New("enough")
			ctx, cancel := context.WithCancelCause(t.Context())
			timer := time.AfterFunc(300*time.Millisecond, func() { cancel(cause) })
			defer timer.Stop()
			began := time.Now()
			_, _, err := c.Offer(ctx, h.ID(), o, body, nil)
			if err == nil {
				err = c.Fetch(ctx, h.ID(), o.Terms.Shard, 0, make([]byte, len(body)), nil)
			}
			if !errors.Is(err, cause) {
				t.Errorf("ended with %v, want the cause of the context", err)
			}
			if took := time.Since(began); took > 3*time.Second {
				t.Errorf("took %v", took)
			}
		})
	}
}

// A sender that stalls loses its place, and the host keeps what came.
func TestStalledSender(t *testing.T) {
	n := serve(t, func(cfg *exchange.ServerConfig) {
		cfg.Timeouts.Idle = 300 * time.Millisecond
		cfg.Limits.Transfers = 1
	})
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, body, more := newFile(t), noise(1, 2<<20), noise(2, 64)
	o := f.lot(t, 0, 0, body)
	release := stuck(t, c, n, o, body)
	if err := offerUntil(t.Context(), c, n.host.ID(), f.lot(t, 0, 1, more), more); err != nil {
		t.Fatal(err)
	}
	if err := release(); !errors.Is(err, wire.ErrTimeout) {
		t.Errorf("the stalled offer: %v, want ErrTimeout", err)
	}
	if err := offerUntil(t.Context(), c, n.host.ID(), o, body); err != nil {
		t.Fatal(err)
	}
	if got := n.store.Delivered(); got > int64(len(body)+len(more)) {
		t.Errorf("%d bytes delivered, the first part was lost", got)
	}
}

// A transfer whose other end has vanished gives way to the next try, long
// before its idle time is over.
func TestSupplant(t *testing.T) {
	n := serve(t, func(cfg *exchange.ServerConfig) { cfg.Timeouts.Answer = 200 * time.Millisecond })
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	body := noise(1, 2<<20)
	o := newFile(t).lot(t, 0, 0, body)
	release := stuck(t, c, n, o, body)
	began := time.Now()
	if err := offerUntil(t.Context(), c, n.host.ID(), o, body); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(began); took > 10*time.Second {
		t.Errorf("took %v", took)
	}
	if err := release(); !errors.Is(err, network.ErrReset) {
		t.Errorf("the silent one: %v, want a reset", err)
	}
	if !n.holds(t, body) || n.store.Delivered() != int64(len(body)) {
		t.Errorf("%d bytes delivered", n.store.Delivered())
	}
}

// A shard that cannot be read to its end breaks off; it is never filled up.
func TestFetchBreaksOff(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	body := noise(1, 100_000)
	o := newFile(t).lot(t, 0, 0, body)
	if _, _, err := c.Offer(t.Context(), n.host.ID(), o, body, nil); err != nil {
		t.Fatal(err)
	}
	short := serve(t, func(cfg *exchange.ServerConfig) { cfg.Store = cutStore{n.store} })
	c, _ = dialler(t, exchange.Timeouts{}, short.host)
	err := c.Fetch(t.Context(), short.host.ID(), o.Terms.Shard, 0, make([]byte, len(body)+1), nil)
	if !errors.Is(err, network.ErrReset) {
		t.Errorf("Fetch: %v, want a reset", err)
	}
}

// cutStore says that its shards are a byte longer than they are.
type cutStore struct{ *exchangetest.Store }

func (s cutStore) Open(id shard.ID) (r io.ReadSeekCloser, length int64, err error) {
	r, length, err = s.Store.Open(id)
	return r, length + 1, err
}
