package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// helpers is how many members are asked to probe a suspect.
const helpers = 2

// helpTime is for how long a helper waits for an answer, and maxHelp for how
// many.
const (
	helpTime = 5 * time.Second
	maxHelp  = 64
)

// help is a probe on somebody's behalf.
type help struct {
	asker, target peer.ID
	until         time.Time
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

// help probes a member for another.
func (c *core) help(now time.Time, asker peer.ID, msg *message) {
	if len(msg.Target) != len(identity{}) || len(c.helping) >= maxHelp {
		return
	}
	target := c.members[identity(msg.Target).peer()]
	if target == nil || target == c.self || target.id == asker {
		return
	}
	nonce := c.rand.Uint64()
	c.helping[nonce] = help{asker, target.id, now.Add(helpTime)}
	c.send(target.id, &message{Kind: kindProbe, Nonce: nonce})
}

// pass brings the answer to a probe to whom it is for.
func (c *core) pass(now time.Time, from peer.ID, msg *message) {
	h, helped := c.helping[msg.Nonce]
	if !helped || h.target != from {
		return
	}
	delete(c.helping, msg.Nonce)
	m := c.members[from]
	if m == nil || now.After(h.until) {
		return
	}
	c.send(h.asker, &message{Kind: kindProbed, Beats: beatsOf([]*member{m})})
}
