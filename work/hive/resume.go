package hive

import (
	"math/rand/v2"

	"github.com/batchain/batchain/work"
)

// resume gives the bee again what it has, with a new lease and the deadline that it had: units and spot checks, in no order, so
// that it cannot tell which are which.
func (o *handout) resume() {
	for g := range o.members[o.bee.Peer] {
		p := g.project
		if g.State != work.Open || !o.resumes(p) {
			continue
		}
		for n := range g.Attempts {
			a := &g.Attempts[n]
			if a.Peer != o.bee.Peer || !a.Active() || !g.Renew(n, &p.row.Project, a.Progress, o.now) {
				continue
			}
			if u, ok := o.unit(g); ok {
				o.groups[g] = true
				o.settle(g)
				o.task(p, o.token(p.id, g.seq, uint8(n), o.bee.Peer), u.Input)
			}
		}
	}
	for _, p := range o.Hive.projects {
		for number, c := range p.checks.of[o.bee.Peer] {
			if o.now < c.until && o.resumes(p) {
				c.lease(p, o.now)
				o.task(p, o.token(p.id, number, checkAttempt, o.bee.Peer), c.quiz.Unit.Input)
			}
		}
	}
	tasks := o.batch.Tasks
	rand.Shuffle(len(tasks), func(i, j int) { tasks[i], tasks[j] = tasks[j], tasks[i] })
}

// resumes reports whether the bee may have one more of its tasks of p.
func (o *handout) resumes(p *project) bool {
	return len(o.batch.Tasks) < int(o.wish.Slots) && o.bytes < maxBatchBytes && p.row.State == Running &&
		o.wish.Runs(&p.row.Project.Program)
}
