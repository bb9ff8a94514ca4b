package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// say says where this member is reached.
func (g *Gossiper) say(c *core, now time.Time) {
	if address := g.cfg.Transport.Address(); len(address) > 0 {
		if old := c.self.entries[AddressKey]; old == nil || string(old.Value) != string(address) {
			_, _ = c.set(now, AddressKey, address, 0)
		}
	}
}

// learn passes addresses on to the transport.
func (g *Gossiper) learn(events []Event) {
	for _, e := range events {
		switch {
		case e.Kind == KindUpdate && e.Key == AddressKey && !e.Deleted:
			g.cfg.Transport.Learn(e.Peer, e.Value)
		case e.Kind == KindError:
			g.log.Debug("gossip", "peer", e.Peer, "err", e.Err)
		case e.Kind == KindAlone:
			g.log.Warn("nobody is heard any more: this node may be cut off")
		}
	}
}

// learnEvery is after how long the transport is told all addresses again: it
// may forget those that nobody repeats.
const learnEvery = 5 * time.Minute

func (g *Gossiper) learnAll() {
	g.mu.Lock()
	addresses := map[peer.ID][]byte{}
	for _, m := range g.core.members {
		if e := m.entries[AddressKey]; m != g.core.self && e != nil && !e.Deleted {
			addresses[m.id] = e.Value
		}
	}
	g.mu.Unlock()
	for p, address := range addresses {
		g.cfg.Transport.Learn(p, address)
	}
}
