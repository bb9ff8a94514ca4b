package hive

import (
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// trust is what the project may think of the bee's answer in g, or of its next one when g is nil. As
// long as others contradict it elsewhere, and nobody knows yet who is right, it is no more than a new
// bee: else who answers fast would have its lies believed before slower bees have said so.
func (t *turn) trust(p *project, bee peer.ID, g *group) float64 {
	policy := &p.row.Project.Policy
	trust := t.reputation(p, bee).Trust(policy.Faulty, t.crowd(p).size(), t.now)
	disputes := t.disputes[reputationName{p.program, bee}]
	if g != nil && slices.Contains(g.disputants, bee) {
		disputes--
	}
	if disputes > 0 {
		return min(trust, 1-policy.Faulty)
	}
	return trust
}

// dispute notes who contradict each other in g.
func (t *turn) dispute(g *group) {
	if len(g.disputants) > 0 {
		before := slices.Clone(g.disputants)
		defer func() { t.reconcile(g.project, before) }()
	}
	t.undispute(g)
	if g.State != work.Open || g.project.row.Project.Policy.Rule != work.Credible {
		return
	}
	split := false
	var first *work.Attempt
	for i := range g.Attempts {
		a := &g.Attempts[i]
		if !a.Counts() || t.now < t.reputation(g.project, a.Peer).Exiled {
			continue
		}
		if first == nil {
			first = a
		}
		split = split || a.Digest != first.Digest
		g.disputants = append(g.disputants, a.Peer)
	}
	if !split {
		g.disputants = g.disputants[:0]
	}
	for _, bee := range g.disputants {
		t.disputes[reputationName{g.project.program, bee}]++
	}
}

// reconcile has the open groups of bees judged again that nobody contradicts any more.
func (t *turn) reconcile(p *project, bees []peer.ID) {
	for _, bee := range bees {
		if name := (reputationName{p.program, bee}); t.disputes[name] == 0 {
			t.uneasy[name] = true
		}
	}
}

// undispute takes back what dispute noted.
func (t *turn) undispute(g *group) {
	for _, bee := range g.disputants {
		name := reputationName{g.project.program, bee}
		if t.disputes[name]--; t.disputes[name] == 0 {
			delete(t.disputes, name)
		}
	}
	g.disputants = g.disputants[:0]
}
