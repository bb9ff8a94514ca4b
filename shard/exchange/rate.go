package exchange

import (
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

const (
	ratePeriod  = time.Minute
	ratedPeers  = 8192 // that an allowance tells apart in one period
	prefixPeers = 4    // a network may have as much done as so many peers
)

// allowance bounds how much is done in a minute: for each peer, and four times
// as much for each network prefix. The zero prefix is not counted.
type allowance struct {
	what    string
	perPeer int

	mu       sync.Mutex
	since    time.Time
	peers    map[peer.ID]int
	prefixes map[netip.Prefix]int
}

// left returns [wire.ErrBusy] when the minute's share of p or of its network
// is used up.
func (a *allowance) left(p peer.ID, from netip.Prefix) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn(time.Now())
	_, known := a.peers[p]
	switch {
	case a.peers[p] >= a.perPeer:
		return wire.ErrBusy.With("%d %s in a minute for one peer", a.perPeer, a.what)
	case from.IsValid() && a.prefixes[from] >= prefixPeers*a.perPeer:
		return wire.ErrBusy.With("%d %s in a minute for one network", prefixPeers*a.perPeer, a.what)
	case !known && len(a.peers) >= ratedPeers:
		return wire.ErrBusy.With("%s for at most %d peers in a minute", a.what, ratedPeers)
	}
	return nil
}

// spend counts n that are done for p. What exceeds its share is done all the
// same, once.
func (a *allowance) spend(p peer.ID, from netip.Prefix, n int) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.turn(time.Now())
	a.peers[p] += n
	if from.IsValid() {
		a.prefixes[from] += n
	}
}

// turn begins a new minute when the last one is over.
func (a *allowance) turn(now time.Time) {
	if a.peers == nil || now.Sub(a.since) >= ratePeriod {
		a.since, a.peers, a.prefixes = now, map[peer.ID]int{}, map[netip.Prefix]int{}
	}
}
