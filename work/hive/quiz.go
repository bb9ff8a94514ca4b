package hive

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// quiz is a unit whose answer is sure, and of several bees: to those who have not
// seen it, it is as any other.
type quiz struct {
	quizRow
	place uint16
}

// check is a quiz that a bee is at. It is not kept on the disk: what a restart
// forgets harms nobody.
type check struct {
	quiz  *quiz
	bee   peer.ID
	until int64
}

// maxQuizBees bounds how often one unit is a spot check.
const maxQuizBees = 64

func quizKey(id uint32, place uint16) []byte {
	return binary.BigEndian.AppendUint16(inProject(rowQuiz, id), place)
}

// keepQuiz keeps some of the units whose answer is sure and of several bees, in place of
// older ones: those who agreed first, then those who saw it, too. What two new bees
// agree on is believed, but nobody is to be exiled on their word. A transaction that is
// full already goes without.
func (t *turn) keepQuiz(p *project, u work.Unit, digest work.Digest, g *group, agreed []peer.ID) {
	full := len(p.quizzes) >= maxQuizzes
	if p.row.Project.Policy.Rule != work.Credible || p.row.Project.Policy.Checks <= 0 || (full && rand.IntN(8) > 0) || t.size >= maxBatchBytes {
		return
	}
	q := &quiz{quizRow: quizRow{Unit: u, Digest: digest, Bees: slices.Clone(agreed)}, place: uint16(len(p.quizzes))}
	for i := range g.Attempts {
		if id := g.Attempts[i].Peer; !slices.Contains(agreed, id) {
			q.Bees = append(q.Bees, id)
		}
	}
	if full {
		q.place = uint16(rand.IntN(maxQuizzes))
		p.quizzes[q.place] = q
	} else {
		p.quizzes = append(p.quizzes, q)
	}
	t.put(quizKey(p.id, q.place), &q.quizRow)
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
		p.checks[number] = &check{q, o.bee.Peer, o.now + p.row.Project.Deadline.Milliseconds()}
		p.row.Begun++
		p.row.Checks++
		o.projects[p] = true
		o.task(p, o.token(p.id, number, checkAttempt, o.bee.Peer), q.Unit.Input)
		return true
	}
	return false
}

// forgetChecks drops the checks that nobody answered.
func (t *turn) forgetChecks(p *project) {
	if len(p.checks) < maxBatch {
		return
	}
	for number, c := range p.checks {
		if c.until < t.now || len(p.checks) >= maxOpen {
			delete(p.checks, number)
		}
	}
}

// takeCheck compares a spot check with what is known. The bee is told nothing
// but what it is told of any result.
func (t *turn) takeCheck(p *project, m work.Member, number uint64, r *work.Result) error {
	c := p.checks[number]
	if c == nil {
		return work.ErrLate
	}
	if c.bee != m.Peer {
		return work.ErrNotAssigned
	}
	delete(p.checks, number)
	switch {
	case r.Status == work.GivenUp:
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
	c := p.checks[number]
	if c == nil || c.bee != m.Peer || now > c.until {
		return work.Stop
	}
	if p.row.State == Paused {
		return work.Pause
	}
	return work.GoOn
}
