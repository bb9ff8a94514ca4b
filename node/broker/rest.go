package broker

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// How long quiet protocols wait before they have a peer looked for again to which
// no direct way was found, twice as long each time. They speak to everybody once in
// a while, so without a rest they would use up what brokers and relays allow to
// each peer, and those who have bytes to send would find it gone.
const (
	restFirst   = 15 * time.Second
	restDoubled = 5 // times at most: 8 min
)

// due reports whether a way to p is to be looked for when a stream is wanted of one of
// the protocols: at once, except for quiet ones.
func (b *Broker) due(p peer.ID, ids []protocol.ID) bool {
	quiet := !slices.ContainsFunc(ids, func(id protocol.ID) bool { return !slices.Contains(b.cfg.Quiet, id) })
	return !quiet || b.paths.rested(p, time.Now())
}

// rested reports whether the last attempts to reach a peer are long enough ago for
// how many of them were in vain.
func (p *paths) rested(id peer.ID, now time.Time) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.notes[id]
	return n == nil || n.failed == 0 || now.Sub(n.at) >= restFirst<<min(n.failed-1, restDoubled)
}

// end notes whether an attempt led to a direct way.
func (p *paths) end(id peer.ID, direct bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch n := p.notes[id]; {
	case n == nil:
	case direct:
		n.failed = 0
	default:
		n.failed++
	}
}

// forgive has all peers looked for again at once: this node may be elsewhere.
func (p *paths) forgive() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, n := range p.notes {
		n.failed = 0
	}
}
