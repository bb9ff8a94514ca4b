package hive

import (
	"math/rand/v2"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// crowd is the bees that are here for one program: that asked for its units, or told of some,
// within presence. Chance chooses among them who answers next, and their number says how
// many may be cheats.
type crowd struct {
	bees  []present
	at    map[peer.ID]int
	sweep int   // whom to look at next, whether it is still there
	stood int   // how many they were when
	grew  int64 // … they had become a quarter more
}

// settling is how long a crowd has to be of about the same size before what two new bees in it agree
// on is believed, in milliseconds.
const settling = 1000

type present struct {
	bee  peer.ID
	seen int64
}

// presence is how long a bee is taken to be here that is not heard of, in milliseconds: six
// heartbeats at their slowest.
const presence = 120_000

// maxCrowd bounds the bees in a crowd.
const maxCrowd = maxReputations

func (h *Hive) crowd(p *project) *crowd {
	c := h.crowds[p.program]
	if c == nil {
		c = &crowd{at: map[peer.ID]int{}}
		h.crowds[p.program] = c
	}
	return c
}

func (c *crowd) size() int { return len(c.bees) }

// settled is when it will have been of about this size for long enough.
func (c *crowd) settled() int64 { return c.grew + settling }

// see notes that a bee is here, and forgets one that has gone.
func (c *crowd) see(bee peer.ID, now int64) {
	if i, there := c.at[bee]; there {
		c.bees[i].seen = now
	} else if len(c.bees) < maxCrowd {
		c.at[bee] = len(c.bees)
		c.bees = append(c.bees, present{bee, now})
		if 4*len(c.bees) > 5*c.stood {
			c.stood, c.grew = len(c.bees), now
		}
	}
	if c.sweep++; c.sweep >= len(c.bees) {
		c.sweep = 0
	}
	if p := c.bees[c.sweep]; now-p.seen > presence {
		c.drop(p.bee)
	}
}

// hear notes that a bee that is here still is.
func (c *crowd) hear(bee peer.ID, now int64) {
	if i, there := c.at[bee]; there {
		c.bees[i].seen = now
	}
}

// here counts the bees that are here now.
func (c *crowd) here(now int64) int {
	n := 0
	for _, p := range c.bees {
		if now-p.seen <= presence {
			n++
		}
	}
	return n
}

// drop takes a bee out.
func (c *crowd) drop(bee peer.ID) {
	i, there := c.at[bee]
	if !there {
		return
	}
	last := len(c.bees) - 1
	c.bees[i] = c.bees[last]
	c.at[c.bees[i].bee] = i
	c.bees = c.bees[:last]
	delete(c.at, bee)
	c.stood = min(c.stood, last)
}

// pick returns a bee by chance that is here and not a member of g; "" when it finds none soon.
func (c *crowd) pick(g *group, now int64) peer.ID {
	const tries = 8
	for range tries {
		if len(c.bees) == 0 {
			break
		}
		p := c.bees[rand.IntN(len(c.bees))]
		switch {
		case now-p.seen > presence:
			c.drop(p.bee)
		case g.Admits(work.Member{Peer: p.bee}, &g.project.row.Project.Policy):
			return p.bee
		}
	}
	return ""
}
