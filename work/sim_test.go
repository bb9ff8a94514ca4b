package work

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

// swarm is a hive and its bees without network, disk and time: the pure core
// decides, and chance does the rest.
type swarm struct {
	project  Project
	rand     *rand.Rand
	bees     []*simBee
	groups   []*Group
	open     []int // groups that want another bee
	fresh    int
	quizzes  []int // units whose answer several bees agreed on
	attempts int
	checks   int
	wrong    int
	failed   int
	ended    int
	now      int64
}

type simBee struct {
	id         peer.ID
	cheat      bool
	reputation Reputation
	unit       int // that it is at; -1: none
	quiz       bool
	seen       map[int]bool
	pending    []int // units that it has answered, open when it was looked at last
}

// cheating says how many cheat, and in which share of units. They do so in the same
// units and say the same.
type cheating struct{ cheats, rate float64 }

func newSwarm(seed uint64, policy Policy, bees, units int, c cheating) *swarm {
	s := &swarm{
		project: Project{Name: "sim", Policy: policy}.WithDefaults(),
		rand:    rand.New(rand.NewPCG(seed, 1)),
		groups:  make([]*Group, units),
	}
	for i := range bees {
		s.bees = append(s.bees, &simBee{
			id: peer.ID(fmt.Sprint(i)), cheat: float64(i) < c.cheats*float64(bees),
			reputation: NewReputation(), unit: -1, seen: map[int]bool{},
		})
	}
	return s
}

// run lets a bee by lot hand in what it has and take something else, until
// every unit has ended.
func (s *swarm) run(t *testing.T, c cheating) {
	lies := func(unit int) bool {
		return rand.New(rand.NewPCG(uint64(unit), 99)).Float64() < c.rate
	}
	for steps := 0; s.ended < len(s.groups); steps++ {
		if steps > 200*len(s.groups) {
			t.Fatalf("%d of %d units ended, and nothing moves", s.ended, len(s.groups))
		}
		s.now += 1000
		b := s.bees[s.rand.IntN(len(s.bees))]
		if b.unit >= 0 {
			s.handIn(b, b.cheat && lies(b.unit))
		}
		s.take(b)
	}
}

func (s *swarm) handIn(b *simBee, lie bool) {
	unit := b.unit
	b.unit = -1
	if b.quiz {
		if lie {
			b.reputation.Catch(true, s.now)
		} else {
			b.reputation.Pass(s.now)
		}
		s.settleAll(b)
		return
	}
	g := s.groups[unit]
	for n := range g.Attempts {
		if g.Attempts[n].Peer == b.id {
			_ = g.Answer(n, answerOf(lie), 0, s.now)
		}
	}
	b.pending = append(b.pending, unit)
	s.settle(unit)
}

func answerOf(lie bool) Digest {
	if lie {
		return Digest{2}
	}
	return Digest{1}
}

func (s *swarm) take(b *simBee) {
	p := &s.project.Policy
	if s.now < b.reputation.Exiled {
		return
	}
	if s.rand.Float64() < p.Checks {
		for range 4 {
			if len(s.quizzes) == 0 {
				break
			}
			if unit := s.quizzes[s.rand.IntN(len(s.quizzes))]; !b.seen[unit] {
				b.seen[unit], b.unit, b.quiz = true, unit, true
				s.attempts++
				s.checks++
				return
			}
		}
	}
	b.quiz = false
	for _, unit := range s.open {
		if s.groups[unit].Admits(Member{Peer: b.id}, p) {
			s.lease(b, unit)
			return
		}
	}
	if s.fresh < len(s.groups) {
		s.groups[s.fresh] = &Group{State: Open}
		s.fresh++
		s.lease(b, s.fresh-1)
	}
}

func (s *swarm) lease(b *simBee, unit int) {
	s.groups[unit].Lease(Member{Peer: b.id}, &s.project, s.now)
	b.unit, b.seen[unit] = unit, true
	s.attempts++
	s.settle(unit)
}

func (s *swarm) bee(id peer.ID) *simBee {
	var n int
	fmt.Sscan(string(id), &n)
	return s.bees[n]
}

// settle is what a hive does with a decision.
func (s *swarm) settle(unit int) {
	g := s.groups[unit]
	if g.State != Open {
		return
	}
	d, _ := Step(&s.project.Policy, g, Look{
		Now:   s.now,
		Trust: func(id peer.ID) float64 { return s.bee(id).reputation.Trust(s.project.Policy.Faulty, s.now) },
	})
	s.open = slices.DeleteFunc(s.open, func(u int) bool { return u == unit })
	if g.State != Open {
		s.ended++
		switch {
		case g.State == Failed:
			s.failed++
		case d.Digest != answerOf(false):
			s.wrong++
		}
		if len(d.Passed) > 1 {
			s.quizzes = append(s.quizzes, unit)
			if len(s.quizzes) > 64 {
				s.quizzes = s.quizzes[1:]
			}
		}
	} else if d.Need > 0 {
		s.open = append(s.open, unit)
	}
	for _, id := range d.Taken {
		s.bee(id).reputation.Take()
	}
	for _, id := range d.Passed {
		s.bee(id).reputation.Pass(s.now)
		s.settleAll(s.bee(id))
	}
	for _, id := range d.Caught {
		s.bee(id).reputation.Catch(s.project.Policy.Rule == Credible, s.now)
		s.settleAll(s.bee(id))
	}
}

// settleAll looks again at the open groups that a bee has answered.
func (s *swarm) settleAll(b *simBee) {
	if s.project.Policy.Rule != Credible {
		return
	}
	pending := b.pending
	b.pending = nil
	for _, unit := range pending {
		s.settle(unit)
		if s.groups[unit].State == Open {
			b.pending = append(b.pending, unit)
		}
	}
}

// A tenth of the bees cheats, together, always or now and then: hardly a unit
// comes out wrong, and units are done not much more often than once. Each bee has
// 60 units here; the price is paid for young bees, so it falls with time.
func TestCheatsAreDearAndHonestWorkIsNot(t *testing.T) {
	bees, units, seeds := 200, 12000, uint64(3)
	if testing.Short() || raceEnabled {
		bees, units, seeds = 50, 3000, 1
	}
	for _, rate := range []float64{1, 0.2, 0.05} {
		t.Run(fmt.Sprintf("in %g of units", rate), func(t *testing.T) {
			t.Parallel()
			c := cheating{0.1, rate}
			attempts, wrong, failed := 0, 0, 0
			for seed := range seeds {
				s := newSwarm(seed, Policy{}, bees, units, c)
				s.run(t, c)
				attempts, wrong, failed = attempts+s.attempts, wrong+s.wrong, failed+s.failed
			}
			all := float64(units) * float64(seeds)
			t.Logf("%.3f executions per unit, %.4f %% wrong", float64(attempts)/all, 100*float64(wrong)/all)
			if float64(attempts)/all > 1.7 || float64(wrong)/all >= 0.001 || failed > 0 {
				t.Errorf("of %.0f units %d came out wrong and %d failed, in %d executions", all, wrong, failed, attempts)
			}
		})
	}
}

// Without spot checks and with blind faith the same cheats do harm: so the test
// above would see it.
func TestSimulatedCheatsDoHarmWhereTheyAreBelieved(t *testing.T) {
	c := cheating{0.1, 0.2}
	s := newSwarm(1, Policy{Rule: Quorum, Quorum: 1}, 50, 3000, c)
	s.run(t, c)
	if s.wrong < 30 {
		t.Errorf("only %d of 3000 units came out wrong", s.wrong)
	}
}
