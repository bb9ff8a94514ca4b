package hive

import (
	"math/rand/v2"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// check is a quiz that a bee is at. To the bee it is as any attempt: it has a lease, counts
// among what the bee may have, and is given again to who resumes. It is not kept on the
// disk: what a restart forgets harms nobody.
type check struct {
	quiz    *quiz
	bee     peer.ID
	until   int64 // the lease ends
	latest  int64 // the deadline
	expired bool  // the bee let its lease go by
}

// checks are the spot checks of a project under way, by number.
type checks struct {
	all map[uint64]*check
	of  map[peer.ID]map[uint64]*check // of each bee
}

func newChecks() checks {
	return checks{all: map[uint64]*check{}, of: map[peer.ID]map[uint64]*check{}}
}

func (c *checks) add(number uint64, k *check) {
	c.all[number] = k
	if c.of[k.bee] == nil {
		c.of[k.bee] = map[uint64]*check{}
	}
	c.of[k.bee][number] = k
}

func (c *checks) remove(number uint64) {
	k := c.all[number]
	delete(c.all, number)
	delete(c.of[k.bee], number)
	if len(c.of[k.bee]) == 0 {
		delete(c.of, k.bee)
	}
}

// lease is when the lease of a check ends that begins or is renewed now.
func (k *check) lease(p *project, now int64) {
	k.until, k.expired = k.latest, false
	if lease := p.row.Project.Lease; lease > 0 {
		k.until = min(k.until, now+lease.Milliseconds())
	}
}

// lot reports whether the next task is to be a spot check. It is one in place of another task
// only: who got one when there is nothing else to do would know what it is.
func (o *handout) lot(p *project) bool {
	share := p.row.Project.Policy.Checks
	return share > 0 && rand.Float64() < share
}

// check gives the bee a spot check, if there is one that it has not seen.
func (o *handout) check(p *project) bool {
	if len(p.quizzes) == 0 {
		return false
	}
	from := rand.IntN(len(p.quizzes))
	for k := range p.quizzes {
		q := p.quizzes[(from+k)%len(p.quizzes)]
		if slices.Contains(q.Bees, o.bee.Peer) || len(q.Bees) >= maxQuizBees {
			continue
		}
		q.Bees = append(q.Bees, o.bee.Peer)
		o.put(quizKey(p.id, q.place), &q.quizRow)
		o.forgetChecks(p)
		number := o.nextCheck
		o.nextCheck++
		c := &check{quiz: q, bee: o.bee.Peer, latest: o.now + p.row.Project.Deadline.Milliseconds()}
		c.lease(p, o.now)
		p.checks.add(number, c)
		p.row.Begun++
		p.row.Checks++
		o.projects[p] = true
		o.task(p, o.token(p.id, number, checkAttempt, o.bee.Peer), q.Unit.Input)
		return true
	}
	return false
}

// checking is how many spot checks the bee has. Those whose lease went by are counted against it
// now, as they would have been as attempts.
func (o *handout) checking(p *project) (n int) {
	for _, c := range p.checks.of[o.bee.Peer] {
		switch {
		case o.now < c.until:
			n++
		case !c.expired:
			c.expired = true
			o.mark(p, o.bee.Peer, (*work.Reputation).Expire)
		}
	}
	return n
}

// forgetChecks drops the checks that nobody answered.
func (t *turn) forgetChecks(p *project) {
	if len(p.checks.all) < maxBatch {
		return
	}
	for number, c := range p.checks.all {
		if c.latest < t.now || len(p.checks.all) >= maxOpen {
			p.checks.remove(number)
		}
	}
}

// takeCheck compares a spot check with what is known. The bee is told nothing
// but what it is told of any result.
func (t *turn) takeCheck(p *project, m work.Member, number uint64, r *work.Result) error {
	c := p.checks.all[number]
	if c == nil {
		return work.ErrLate
	}
	if c.bee != m.Peer {
		return work.ErrNotAssigned
	}
	p.checks.remove(number)
	switch {
	case r.Status == work.GivenUp:
		t.mark(p, m.Peer, (*work.Reputation).GiveBack)
	case r.Status == work.Broken:
		t.mark(p, m.Peer, (*work.Reputation).Err)
	case digestOf(p, r) == c.quiz.Digest:
		t.mark(p, m.Peer, func(r *work.Reputation) { r.Pass(m.Peer, c.quiz.Bees[:2], t.now) })
		t.uneasy[reputationName{p.program, m.Peer}] = true
	default:
		t.caught(p, m.Peer, true)
	}
	return nil
}

func (p *project) beatCheck(m work.Member, number uint64, now int64) work.Order {
	c := p.checks.all[number]
	if c == nil || c.bee != m.Peer || now > c.latest {
		return work.Stop
	}
	c.lease(p, now)
	if p.row.State == Paused {
		return work.Pause
	}
	return work.GoOn
}
