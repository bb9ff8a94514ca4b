package node

import (
	"context"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// How many peers are called that may let a node into the mesh.
const (
	firstCalls = 16              // at the start, all at once
	roundCalls = 4               // in each later round, while there is nobody
	firstTime  = 3 * time.Second // for the calls at the start
)

// bootstrap chooses whom to call: configured peers, and those met before. Of
// the latter many may be gone, so the choice moves on from round to round and
// never leaves the configured ones out.
type bootstrap struct {
	configured []peer.AddrInfo
	met        func() []peer.AddrInfo // last seen first
	called     chan struct{}          // closed after the calls at the start

	mu    sync.Mutex
	round int
}

func newBootstrap(configured []peer.AddrInfo, met func() []peer.AddrInfo) *bootstrap {
	return &bootstrap{configured: configured, met: met, called: make(chan struct{})}
}

// known lists everybody, the configured first.
func (b *bootstrap) known() []peer.AddrInfo {
	return joinAddrs(append(b.configured[:len(b.configured):len(b.configured)], b.met()...))
}

// next returns the peers of one round: half of them configured, as far as
// there are any, the others met before.
func (b *bootstrap) next() []peer.AddrInfo {
	b.mu.Lock()
	defer b.mu.Unlock()
	met := b.met()
	own := min(len(b.configured), max(roundCalls/2, roundCalls-len(met)))
	peers := append(turn(b.configured, b.round*own, own), turn(met, b.round*(roundCalls-own), roundCalls-own)...)
	b.round++
	return joinAddrs(peers)
}

// turn returns up to n infos, going round from at.
func turn(infos []peer.AddrInfo, at, n int) []peer.AddrInfo {
	part := make([]peer.AddrInfo, 0, n)
	for i := range min(n, len(infos)) {
		part = append(part, infos[(at+i)%len(infos)])
	}
	return part
}

// call dials the first of those known, all at once. Who answers enters the
// routing table by itself. It is called once.
func (b *bootstrap) call(ctx context.Context, h host.Host) {
	defer close(b.called)
	ctx, cancel := context.WithTimeout(ctx, firstTime)
	defer cancel()
	peers := b.known()
	var wg sync.WaitGroup
	for _, p := range peers[:min(len(peers), max(firstCalls, len(b.configured)))] {
		if p.ID != h.ID() {
			wg.Go(func() { _ = h.Connect(ctx, p) }) // the routing layer tells who is there
		}
	}
	wg.Wait()
}

// answered tells, after the calls at the start, whether any configured peer is
// there; where none is configured none is missed. It reports true when ctx
// ends first.
func (b *bootstrap) answered(ctx context.Context, h host.Host) bool {
	select {
	case <-b.called:
	case <-ctx.Done():
		return true
	}
	for _, p := range b.configured {
		if p.ID == h.ID() || h.Network().Connectedness(p.ID) == network.Connected {
			return true
		}
	}
	return len(b.configured) == 0
}
