package node

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// quietTime is how long nobody waits for a peer that let a put wait.
const quietTime = time.Minute

// errQuiet means that a peer stopped answering a moment ago.
var errQuiet = errors.New("the peer stopped answering a moment ago")

// quiet are peers that stopped answering during a put. What follows the put,
// finding keepers and writing the catalogue, does not wait for them once more.
type quiet struct {
	mu    sync.Mutex
	until map[peer.ID]time.Time
}

func (q *quiet) add(peers []peer.ID, now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for p, until := range q.until {
		if now.After(until) {
			delete(q.until, p)
		}
	}
	if q.until == nil {
		q.until = map[peer.ID]time.Time{}
	}
	for _, p := range peers {
		q.until[p] = now.Add(quietTime)
	}
}

func (q *quiet) has(p peer.ID, now time.Time) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return now.Before(q.until[p])
}

// connect dials a peer unless it is quiet.
func (n *Node) connect(ctx context.Context, p peer.AddrInfo) error {
	if n.isQuiet(p.ID) {
		return errQuiet
	}
	return n.host.Connect(ctx, p)
}

func (n *Node) isQuiet(p peer.ID) bool { return n.quiet.has(p, time.Now()) }
