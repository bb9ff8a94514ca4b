package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Members returns all members, this one among them, in the order of their ids.
func (g *Gossiper) Members() []Member {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]Member, 0, len(g.core.members))
	for _, m := range g.core.sorted() {
		all = append(all, g.core.snapshot(m, now))
	}
	return all
}

// Member returns one member.
func (g *Gossiper) Member(p peer.ID) (Member, bool) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.core.members[p]
	if m == nil {
		return Member{}, false
	}
	return g.core.snapshot(m, now), true
}

func (c *core) snapshot(m *member, now time.Time) Member {
	s := Member{
		Peer: m.id, Self: m == c.self, State: m.state, Incarnation: m.incarnation(), Heartbeat: m.beat,
		Phi: c.phi(m, now), Contact: m.contact, Equivocates: m.equivocates, Values: map[string]Value{},
	}
	if m != c.self {
		s.Age = max(now.Sub(later(m.known, m.detector.last)), 0)
	}
	for key, e := range m.entries {
		if m.counts(e, now) {
			s.Values[key] = Value{e.Value, e.Version}
		}
	}
	return s
}
