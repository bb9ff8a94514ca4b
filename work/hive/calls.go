package hive

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
)

// calls wakes the requests of single bees that wait for work.
type calls struct {
	mu    sync.Mutex
	waits map[peer.ID]*call
}

type call struct {
	signal
	requests int
}

// enter notes that a request of the bee begins; leave ends it.
func (c *calls) enter(bee peer.ID) *call {
	c.mu.Lock()
	defer c.mu.Unlock()
	w := c.waits[bee]
	if w == nil {
		w = &call{}
		if c.waits == nil {
			c.waits = map[peer.ID]*call{}
		}
		c.waits[bee] = w
	}
	w.requests++
	return w
}

func (c *calls) leave(bee peer.ID, w *call) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w.requests--; w.requests == 0 {
		delete(c.waits, bee)
	}
}

// raise wakes the requests of a bee.
func (c *calls) raise(bee peer.ID) {
	c.mu.Lock()
	w := c.waits[bee]
	c.mu.Unlock()
	if w != nil {
		w.raise()
	}
}
