package hive

import (
	"slices"

	"github.com/batchain/batchain/work"
)

// Bees that are not believed alone do not choose whom they share a unit with: in a crowd,
// chance invites one of all that are here. Otherwise two cheats, who answer at once as they compute
// nothing, would join each other's units before any honest bee has its first answer.

// chooses reports whether chance chooses the members of the groups of p: where reputations count, and
// more bees are here than one for each that may be a cheat.
func (t *turn) chooses(p *project) bool {
	policy := &p.row.Project.Policy
	return policy.Rule == work.Credible && policy.Faulty*float64(t.crowd(p).size()) > 1
}

// invite sees to it that a group that wants a bee has one invited, and returns when it is the
// turn of another one; 0 is never.
func (t *turn) invite(g *group, more bool) (until int64) {
	switch {
	case g.need == 0:
		g.invited, g.until = "", 0
	case !t.chooses(g.project):
		g.invited, g.until = "", 0
		if more {
			t.after = append(t.after, t.work.raise)
		}
	case g.until <= t.now:
		g.invited = t.crowd(g.project).pick(g, t.now)
		g.until = t.now + g.project.pace.patience()
		if bee := g.invited; bee != "" {
			t.after = append(t.after, func() { t.calls.raise(bee) })
		} else {
			t.after = append(t.after, t.work.raise)
		}
	}
	return g.until
}

// strangers says how many bees that are not believed alone have to agree on g, and until when that
// waits, if it does: while the crowd grows, as those who are here first may be of one gang. Of what
// they agreed on before it was twice as large another bee is asked.
func (t *turn) strangers(g *group) (votes int, hold int64) {
	c := t.crowd(g.project)
	if !t.chooses(g.project) {
		return 2, 0
	}
	if t.now < c.settled() {
		hold = c.settled()
	}
	if 2*g.crowd < c.size() {
		return 3, hold
	}
	return 2, hold
}

// soonest returns the earlier of two times, of which 0 is never.
func soonest(a, b int64) int64 {
	if a == 0 || b == 0 {
		return max(a, b)
	}
	return min(a, b)
}

// welcome reports whether a bee that is not believed alone may join g: it is invited, or anybody is.
func (o *handout) welcome(g *group) bool {
	return g.invited == "" || g.invited == o.bee.Peer || !o.chooses(g.project)
}

// seen reports whether others have answered enough of what the bee has begun, so that it may begin more.
func (o *handout) seen(p *project) bool {
	if !o.young(p) || !o.chooses(p) {
		return true
	}
	alone := 0
	for g := range o.members[o.bee.Peer] {
		others := func(a work.Attempt) bool { return a.Peer != o.bee.Peer && a.Counts() }
		if g.project == p && (o.now < o.crowd(p).settled() || !slices.ContainsFunc(g.Attempts, others)) {
			alone++
		}
	}
	return alone < o.reputation(p, o.bee.Peer).Window(p.row.Project.Policy.Faulty, o.crowd(p).size())
}
