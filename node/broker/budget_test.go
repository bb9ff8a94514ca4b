package broker

import (
	"context"
	"io"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
)

// A budget is there again half an hour after the first byte of the one before.
func TestBudgetOfHalfAnHour(t *testing.T) {
	b, now := NewBudget(100), time.Now()
	for _, step := range []struct {
		after      time.Duration
		bytes      int64
		more, left bool
	}{
		{0, 60, true, true}, {10 * time.Minute, 39, true, true}, {time.Minute, 1, false, false},
		{19*time.Minute - 1, 1, false, false}, {1, 99, true, true}, {29 * time.Minute, 1, false, false},
	} {
		now = now.Add(step.after)
		if more := b.spend(step.bytes, now); more != step.more || b.left(now) != step.left {
			t.Errorf("%s later, %d bytes: more is %v, left %v, want %+v", step.after, step.bytes, more, b.left(now), step)
		}
	}
	if !b.left(now.Add(time.Minute)) {
		t.Error("nothing is left at the beginning of another half hour")
	}
	if NewBudget(0) != nil || !(*Budget)(nil).left(now) {
		t.Error("without a budget circuits are refused")
	}
}

// Several circuits together carry what one may, and then end; there are no others
// until the time is over.
func TestCircuitsShareTheBudget(t *testing.T) {
	const bytes = 1 << 20
	budget := NewBudget(bytes)
	r := relayHost(t, libp2p.ForceReachabilityPublic(),
		libp2p.EnableRelayService(RelayOptions(budget, prometheus.NewRegistry())...))
	b, err := New(Config{Host: r, Mesh: mesh, Relaying: budget})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	var carried atomic.Int64
	var both sync.WaitGroup
	var target peer.ID
	var circuits []network.Stream
	for range 2 {
		h := relayHost(t)
		target = h.ID()
		h.SetStreamHandler("/echo", func(s network.Stream) { _, _ = io.Copy(s, s) })
		until(t, "there is a reservation", func() bool {
			_, err := client.Reserve(ctx, h, peer.AddrInfo{ID: r.ID(), Addrs: r.Addrs()})
			return err == nil
		})
		s, err := circuit(ctx, relayHost(t), r, target)
		if err != nil {
			t.Fatal(err)
		}
		circuits = append(circuits, s)
	}
	for _, s := range circuits {
		both.Go(func() {
			for piece := make([]byte, 8<<10); ctx.Err() == nil; carried.Add(2 * int64(len(piece))) {
				if _, err := s.Write(piece); err != nil {
					return
				}
				if _, err := io.ReadFull(s, piece); err != nil {
					return
				}
			}
		})
	}
	both.Wait()
	if got := carried.Load(); ctx.Err() != nil || got > bytes || got < bytes*3/4 {
		t.Errorf("both circuits carried %d bytes and ended (%v), of %d that all may", got, ctx.Err(), bytes)
	}
	if _, err := circuit(ctx, relayHost(t), r, target); err == nil {
		t.Error("another circuit is opened when the budget is used up")
	}
	budget.mu.Lock()
	budget.began = budget.began.Add(-bulkTime)
	budget.mu.Unlock()
	if _, err := circuit(ctx, relayHost(t), r, target); err != nil {
		t.Errorf("when the time is over: %v", err)
	}
}

// circuit opens a stream to a target by way of a relay.
func circuit(ctx context.Context, from, relay host.Host, target peer.ID) (network.Stream, error) {
	way := relay.Addrs()[0].Encapsulate(ma.StringCast("/p2p/" + relay.ID().String() + "/p2p-circuit"))
	if err := from.Connect(ctx, peer.AddrInfo{ID: target, Addrs: []ma.Multiaddr{way}}); err != nil {
		return nil, err
	}
	return from.NewStream(network.WithAllowLimitedConn(ctx, "test"), target, "/echo")
}

// relayHost is a host that can use relays, and ends with the test.
func relayHost(t *testing.T, opts ...libp2p.Option) host.Host {
	t.Helper()
	h, err := libp2p.New(append(opts, libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableIdentifyAddressDiscovery(),
		libp2p.DisableMetrics(), libp2p.EnableRelay(), libp2p.ResourceManager(&network.NullResourceManager{}))...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}
