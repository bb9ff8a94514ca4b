package hive

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// reputation returns what is known of a bee.
func (t *turn) reputation(p *project, bee peer.ID) *work.Reputation {
	name := reputationName{p.program, bee}
	if r, ok := t.reputations[name]; ok {
		return r
	}
	if len(t.reputations) >= maxReputations {
		t.forget()
	}
	r := work.NewReputation()
	t.get(reputationKey(p.program, bee), &r)
	t.reputations[name] = &r
	return &r
}

// maxReputations bounds those in memory.
const maxReputations = 1 << 15

// forget drops reputations that are on the disk as they are.
func (t *turn) forget() {
	for name := range t.reputations {
		if !t.marks[name] {
			delete(t.reputations, name)
		}
	}
}

// mark changes what is known of a bee.
func (t *turn) mark(p *project, bee peer.ID, change func(*work.Reputation)) {
	change(t.reputation(p, bee))
	t.marks[reputationName{p.program, bee}] = true
}
