package gossip

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// maxBackoff is the longest time between two calls of one that is dead.
const maxBackoff = 5 * time.Minute

// partners chooses with whom a round exchanges: Fanout of the living, perhaps
// one of whom nothing is known, perhaps one of the dead, who may have come back or be on the other side of a broken
// network, and a seed when there are few others.
func (c *core) partners(now time.Time) []peer.ID {
	var live, unknown, dead []*member
	for _, m := range c.sorted() {
		switch {
		case m == c.self:
		case m.state.Alive():
			live = append(live, m)
		case m.state == Unknown:
			unknown = append(unknown, m)
		case m.state == Dead && !now.Before(m.retry):
			dead = append(dead, m)
		}
	}
	chosen := c.calls()
	for _, m := range c.pick(live, c.opt.Fanout-len(chosen)) {
		if !slices.Contains(chosen, m.id) {
			chosen = append(chosen, m.id)
		}
	}
	missing := c.opt.Fanout - len(chosen)
	if missing < 1 && c.rand.Float64() < float64(len(unknown))/float64(len(live)+1) {
		missing = 1
	}
	for _, m := range c.pick(unknown, missing) {
		chosen = append(chosen, m.id)
	}
	if len(dead) > 0 && c.rand.Float64() < float64(len(dead))/float64(len(live)+1) {
		m := dead[c.rand.IntN(len(dead))]
		m.retry = now.Add(min(c.opt.Interval<<min(m.failures, 16), maxBackoff))
		m.failures++
		chosen = append(chosen, m.id)
	}
	return c.withSeed(chosen, len(live), len(unknown)+len(dead))
}

// calls returns, in a mesh that is too large, the stranger who was silent for
// longest: nobody else passes on his heartbeats.
func (c *core) calls() []peer.ID {
	var longest *member
	for _, m := range c.look().strangers {
		if (m.state.Alive() || m.state == Unknown) && (longest == nil || m.called.Before(longest.called)) {
			longest = m
		}
	}
	if longest == nil || c.opt.Fanout < 1 {
		return nil
	}
	longest.called = c.nextTick
	return []peer.ID{longest.id}
}

// withSeed adds a seed when fewer than MinLive members live, and now and then
// when none is among the chosen: else parts of a mesh that lost each other would
// stay apart.
func (c *core) withSeed(chosen []peer.ID, live, dead int) []peer.ID {
	seeds := slices.DeleteFunc(slices.Clone(c.seeds()), func(p peer.ID) bool { return p == c.self.id })
	if len(seeds) == 0 || slices.ContainsFunc(chosen, func(p peer.ID) bool { return slices.Contains(seeds, p) }) {
		return chosen
	}
	if live >= c.opt.MinLive && c.rand.Float64() >= float64(len(seeds))/float64(live+dead+1) {
		return chosen
	}
	return append(chosen, seeds[c.rand.IntN(len(seeds))])
}

// some returns n living members by chance.
func (c *core) some(n int) []peer.ID {
	var live []*member
	for _, m := range c.sorted() {
		if m != c.self && m.state.Alive() {
			live = append(live, m)
		}
	}
	var chosen []peer.ID
	for _, m := range c.pick(live, n) {
		chosen = append(chosen, m.id)
	}
	return chosen
}

// pick returns n of members by chance, all of them if there are fewer. It
// changes their order.
func (c *core) pick(members []*member, n int) []*member {
	c.rand.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
	return members[:max(min(len(members), n), 0)]
}
