package hive

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// maxShared is the open groups that a young bee may share with one other bee. Bees
// take many units at a time: if one got all that another one had begun, two cheats that
// meet would have a batch of wrong answers believed, and be the most trusted of all.
const maxShared = 2

// young reports whether the bee is not yet believed alone, so that it depends on
// whom it shares groups with.
func (o *handout) young(p *project) bool {
	policy := &p.row.Project.Policy
	return policy.Rule == work.Credible && o.reputation(p, o.bee.Peer).Trust(policy.Faulty, o.now) < policy.Threshold
}

// mixes reports whether the bee shares few enough groups with each member of g.
func (o *handout) mixes(g *group) bool {
	if o.shared == nil {
		o.shared = map[peer.ID]int{}
		for own := range o.members[o.bee.Peer] {
			o.share(own)
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
