package kad

import (
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// errShut is what a lookup is told of a peer that let a question pass lately.
var errShut = errors.New("peer did not answer lately")

// penalties remembers peers that let a dial or a question time out. A lookup
// leaves them out until their time is over; each further timeout doubles it.
// It holds at most maxShut peers.
type penalties struct {
	mu    sync.Mutex
	peers map[peer.ID]penalty
}

type penalty struct {
	until time.Time
	last  time.Duration
}

func newPenalties() *penalties { return &penalties{peers: make(map[peer.ID]penalty)} }

// shut reports whether p is to be left out now.
func (b *penalties) shut(p peer.ID) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return time.Now().Before(b.peers[p].until)
}

// punish notes that p let its time pass.
func (b *penalties) punish(p peer.ID) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	old, known := b.peers[p]
	if !known && len(b.peers) >= maxShut {
		b.makeRoom(now)
	}
	last := min(max(2*old.last, shutFirst), shutMax)
	b.peers[p] = penalty{until: now.Add(last), last: last}
}

// pardon forgets p: it answered, or it has a new connection.
func (b *penalties) pardon(p peer.ID) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.peers, p)
}

// makeRoom drops every peer whose time is over, or else any one.
func (b *penalties) makeRoom(now time.Time) {
	for p, entry := range b.peers {
		if now.After(entry.until) {
			delete(b.peers, p)
		}
	}
	for p := range b.peers {
		if len(b.peers) < maxShut {
			return
		}
		delete(b.peers, p)
	}
}
