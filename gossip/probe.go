package gossip

import (
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// helpers is how many members are asked to probe a suspect.
const helpers = 2

// helpTime is for how long a helper waits for an answer, and maxAskers for how
// many who ask for the same.
const (
	helpTime  = 5 * time.Second
	maxAskers = 16
)

// help is a probe on somebody's behalf: one for all who ask within an interval,
// so that nobody can have a helper call a member too often to be heard himself.
type help struct {
	nonce    uint64
	at       time.Time
	answered bool
	askers   []peer.ID
}

func (c *core) probe(now time.Time, m *member) {
	m.probed = now
	c.send(m.id, &message{Kind: kindProbe, Nonce: c.rand.Uint64()})
}

// ask has others probe a suspect. Their word counts for nothing: what they pass
// on is a heartbeat that only the suspect can have made.
func (c *core) ask(m *member) {
	asked := 0
	for _, p := range c.some(helpers + 1) {
		if p != m.id && asked < helpers {
			c.send(p, &message{Kind: kindAsk, Target: m.who[:]})
			asked++
		}
	}
}

// help probes a member for another, or tells what it said a moment ago.
func (c *core) help(now time.Time, asker peer.ID, msg *message) {
	if len(msg.Target) != len(identity{}) {
		return
	}
	target := c.members[identity(msg.Target).peer()]
	if target == nil || target == c.self || target.id == asker {
		return
	}
	h := c.helping[target.id]
	if h == nil || now.Sub(h.at) >= c.opt.Interval {
		next := &help{nonce: c.rand.Uint64(), at: now, askers: h.waiting(now)}
		if len(next.askers) > 0 {
			next.nonce = h.nonce // its answer may be on the way
		}
		h = next
		c.helping[target.id] = h
		c.send(target.id, &message{Kind: kindProbe, Nonce: h.nonce})
	}
	switch {
	case h.answered:
		c.send(asker, &message{Kind: kindProbed, Beats: beatsOf([]*member{target})})
	case len(h.askers) < maxAskers && !slices.Contains(h.askers, asker):
		h.askers = append(h.askers, asker)
	}
}

// waiting returns who still waits for an answer.
func (h *help) waiting(now time.Time) []peer.ID {
	if h == nil || h.answered || now.Sub(h.at) > helpTime {
		return nil
	}
	return h.askers
}

// pass brings the answer to a probe to whom it is for.
func (c *core) pass(now time.Time, from peer.ID, msg *message) {
	h, m := c.helping[from], c.members[from]
	if h == nil || m == nil || h.nonce != msg.Nonce || h.answered || now.Sub(h.at) > helpTime {
		return
	}
	h.answered = true
	for _, asker := range h.askers {
		c.send(asker, &message{Kind: kindProbed, Beats: beatsOf([]*member{m})})
	}
	h.askers = nil
}
