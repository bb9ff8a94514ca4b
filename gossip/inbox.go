package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// letter is a message that has come.
type letter struct {
	from peer.ID
	m    *message // nil: it was malformed
	err  error
}

// maxInbox is how many messages wait for the loop; what exceeds them is lost.
const maxInbox = 256

// receive takes a message from the transport.
func (g *Gossiper) receive(from peer.ID, data []byte) {
	now := time.Now()
	g.mu.Lock()
	takes := g.running && g.core.takes(now, from)
	g.mu.Unlock()
	if !takes {
		return
	}
	m, err := parseMessage(data)
	select {
	case g.inbox <- letter{from, m, err}:
	default:
		g.mu.Lock()
		g.core.counts.droppedMessages++
		g.mu.Unlock()
	}
}

// open reads a letter.
func (l letter) open(c *core, now time.Time) {
	if l.err != nil {
		c.tell(Event{Kind: KindError, Peer: l.from, Err: l.err})
		c.strike(now, l.from)
		return
	}
	c.handle(now, l.from, l.m)
}
