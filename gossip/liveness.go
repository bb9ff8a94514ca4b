package gossip

import (
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// lastSign is when a member gave its last sign of life, or was heard of.
func (m *member) lastSign() time.Time {
	return later(m.known, later(m.contact, m.detector.last))
}

// proofs is how many heartbeats must come soon after one another, by others, to
// prove life: a single one may be old, and of one that died two may be.
var proofs = map[State]int{Unknown: 2, Dead: 3}

// beats takes a later heartbeat of a member.
func (c *core) beats(now time.Time, m *member, direct bool) {
	if now.Sub(m.detector.last) > m.detector.longest {
		m.row = 0
	}
	m.row++
	m.forgiven = 0
	m.detector.heard(now)
	if direct || m.row >= proofs[m.state] {
		c.lives(now, m)
	}
}

// met notes that a peer was heard itself.
func (c *core) met(now time.Time, from peer.ID) {
	m := c.members[from]
	if m == nil || m == c.self || m.state == Left {
		return
	}
	m.contact, m.forgiven = now, 0
	m.detector.sign(now)
	c.lives(now, m)
}

func (c *core) lives(now time.Time, m *member) {
	m.failures, m.probed = 0, time.Time{}
	if m.state == Live || m.state == Left {
		return
	}
	was := m.state
	c.become(now, m, Live)
	if was == Unknown {
		c.fit()
	}
}

// become changes a member's state.
func (c *core) become(now time.Time, m *member, s State) {
	if m.state == s {
		return
	}
	kinds := map[State]Kind{Live: KindLive, Suspect: KindSuspect, Dead: KindDead, Left: KindLeft}
	if kind, told := kinds[s]; told {
		c.tell(Event{Kind: kind, Peer: m.id, Incarnation: m.incarnation()})
	}
	m.state, m.since = s, now
	if s == Dead || s == Left {
		m.known = m.lastSign()
		m.detector.reset()
		m.probed, m.failures, m.retry = time.Time{}, 0, now
	}
	c.changed(m)
}

// check judges everybody's silence, unless it is this member's own.
func (c *core) check(now time.Time) {
	c.nextCheck = now.Add(c.opt.Interval / 4)
	if c.stalled(now) {
		return
	}
	for _, m := range c.sorted() {
		if m == c.self {
			continue
		}
		switch m.state {
		case Unknown:
			if now.Sub(m.lastSign()) > c.patience() {
				c.become(now, m, Dead)
			}
		case Live:
			if c.phi(m, now) > c.opt.SuspectPhi {
				c.become(now, m, Suspect)
				c.probe(now, m)
			}
		case Suspect:
			c.doubt(now, m)
		}
	}
}

// doubt looks at a suspect: it is dead when it is silent enough and nobody got
// an answer for long enough.
func (c *core) doubt(now time.Time, m *member) {
	switch {
	case now.Sub(m.since) >= c.opt.Probing && c.phi(m, now) > c.opt.DeadPhi:
		c.become(now, m, Dead)
	case now.Sub(m.since) >= c.opt.Probing && c.phi(m, now) <= c.opt.SuspectPhi:
		c.become(now, m, Live)
	case now.Sub(m.probed) >= c.opt.Interval:
		c.probe(now, m)
		c.ask(m)
	}
}

// phi is the suspicion of a member. One that lives with too few heartbeats to
// go by is suspected after a fixed time.
func (c *core) phi(m *member, now time.Time) float64 {
	if m == c.self {
		return 0
	}
	if !m.detector.enough() && m.state.Alive() {
		if now.Sub(m.lastSign()) > c.patience() {
			return maxPhi
		}
		return 0
	}
	return m.detector.phi(now, &c.opt)
}

// prune forgets what is over.
func (c *core) prune(now time.Time) {
	if c.rounds%fullEvery == 0 {
		c.weed()
	}
	for _, m := range c.sorted() {
		gone := m.state == Dead || m.state == Left
		if m != c.self && gone && now.Sub(m.lastSign()) > c.opt.Grace {
			c.forget(m)
		}
	}
	for target, h := range c.helping {
		if now.Sub(h.at) > helpTime {
			delete(c.helping, target)
		}
	}
	c.pruneRemotes(now)
}

// forget drops a member. What is remembered is how far its life had come, so
// that an old record does not bring it back.
func (c *core) forget(m *member) {
	c.gone.add(m)
	c.remove(m)
	c.tell(Event{Kind: KindForgotten, Peer: m.id, Incarnation: m.incarnation()})
}

// remove drops a member without a word.
func (c *core) remove(m *member) {
	delete(c.members, m.id)
	if c.shorts[m.who.short()] == m {
		delete(c.shorts, m.who.short())
	}
	delete(c.fresh, m)
	delete(c.dirty, m)
	c.lost = append(c.lost, m.id)
	c.order = nil
	c.roster.stale, c.hood.stale = true, true
}

// sorted returns all members in order, so that chance alone chooses. The slice
// is not to be changed.
func (c *core) sorted() []*member {
	if len(c.order) != len(c.members) {
		c.order = slices.SortedFunc(maps.Values(c.members), byIdentity)
	}
	return c.order
}
