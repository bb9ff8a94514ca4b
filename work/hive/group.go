package hive

import (
	"cmp"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// group is the open workgroup of one unit.
type group struct {
	work.Group
	project *project
	seq     uint64
	need    int
	next    int64 // when to look at it; 0: never
	place   int   // in the heap; -1: not there

	invited peer.ID // whose turn it is to join; "": anybody's
	until   int64   // the invitation

	crowd int // how many bees were here when the last member came

	disputants []peer.ID // whose answers contradict each other
}

// needName orders the groups that want another bee.
type needName struct {
	priority uint8
	seq      uint64
}

func compareNeed(a, b needName) int {
	return cmp.Or(cmp.Compare(b.priority, a.priority), cmp.Compare(a.seq, b.seq))
}

// want says how many bees the group wants.
func (g *group) want(need int) {
	p, name := g.project, needName{g.Priority, g.seq}
	if (need > 0) != (g.need > 0) {
		at, there := slices.BinarySearchFunc(p.needy, name, compareNeed)
		if need > 0 && !there {
			p.needy = slices.Insert(p.needy, at, name)
		} else if need == 0 && there {
			p.needy = slices.Delete(p.needy, at, at+1)
		}
	}
	g.need = need
}

// join keeps the list of a bee's open groups.
func (h *Hive) join(bee peer.ID, g *group) {
	if h.members[bee] == nil {
		h.members[bee] = map[*group]struct{}{}
	}
	h.members[bee][g] = struct{}{}
}

// part takes an ended group from the lists of its bees.
func (h *Hive) part(g *group) {
	for i := range g.Attempts {
		bee := g.Attempts[i].Peer
		delete(h.members[bee], g)
		if len(h.members[bee]) == 0 {
			delete(h.members, bee)
		}
	}
}
