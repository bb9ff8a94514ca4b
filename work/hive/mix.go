package hive

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// maxShared is the groups shared with one other bee that a young bee may be at, at one time. Bees
// take many units at a time: if one got all that another one had begun, two cheats that
// meet would have a batch of wrong answers believed, and be the most trusted of all.
const maxShared = 2

// young reports whether the bee is not yet believed alone, so that it depends on
// whom it shares groups with.
func (o *handout) young(p *project) bool {
	policy := &p.row.Project.Policy
	return policy.Rule == work.Credible && o.trust(p, o.bee.Peer, nil) < policy.Threshold
}

// mixes reports whether the bee is at few enough groups of each member of g. Those
// that it has answered do not count, so it never waits for anybody but itself.
func (o *handout) mixes(g *group) bool {
	if o.shared == nil {
		o.shared = map[peer.ID]int{}
		for own := range o.members[o.bee.Peer] {
			at := func(a work.Attempt) bool { return a.Peer == o.bee.Peer && a.Active() }
			if slices.ContainsFunc(own.Attempts, at) {
				o.share(own)
			}
		}
	}
	for i := range g.Attempts {
		if o.shared[g.Attempts[i].Peer] >= maxShared {
			return false
		}
	}
	return true
}

// share notes that the bee is a member of g.
func (o *handout) share(g *group) {
	if o.shared == nil {
		return // nobody has asked
	}
	for i := range g.Attempts {
		if bee := g.Attempts[i].Peer; bee != o.bee.Peer {
			o.shared[bee]++
		}
	}
}
