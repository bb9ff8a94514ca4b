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
	agreed   map[int][]peer.ID
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
		groups:  make([]*Group, units), agreed: map[int][]peer.ID{},
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
func (s *swarm) run(t testing.TB, c cheating) {
	lies := func(unit int) bool {
		return rand.New(rand.NewPCG(uint64(unit), 99)).Float64() < c.rate
	}
	for steps := 0; s.ended < len(s.groups); steps++ {
		if steps > 200*len(s.groups) {
			t.Fatalf("%d of %d units ended, and nothing moves", s.ended, len(s.groups))
		}
		s.now += 10 // a bee is at a unit for less than its lease
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
			b.reputation.Pass(b.id, s.agreed[unit], s.now)
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
		Now: s.now,
		Trust: func(id peer.ID) float64 {
			return s.bee(id).reputation.Trust(s.project.Policy.Faulty, len(s.bees), s.now)
		},
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
		if len(d.Passed) > 1 && d.Sure {
			s.quizzes = append(s.quizzes, unit)
			s.agreed[unit] = d.Passed
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
		s.bee(id).reputation.Pass(id, d.Passed, s.now)
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
	bees, seeds := 200, uint64(3)
	if testing.Short() || raceEnabled {
		bees, seeds = 50, 1
	}
	for _, rate := range []float64{1, 0.2, 0.05} {
		t.Run(fmt.Sprintf("in %g of units", rate), func(t *testing.T) {
			t.Parallel()
			sum := simulate(t, Policy{}, bees, 60, seeds, cheating{0.1, rate})
			t.Logf("%.3f executions per unit, %.4f %% wrong", sum.cost(), sum.wrongPercent())
			if sum.cost() > 1.6 || sum.wrongPercent() >= 0.1 || sum.failed > 0 {
				t.Errorf("%+v", sum)
			}
		})
	}
}

// simulated is what came of some swarms.
type simulated struct{ units, attempts, wrong, failed int }

func (s simulated) cost() float64         { return float64(s.attempts) / float64(s.units) }
func (s simulated) wrongPercent() float64 { return 100 * float64(s.wrong) / float64(s.units) }

// simulate runs a swarm for each seed, with so many units for each bee.
func simulate(t testing.TB, policy Policy, bees, each int, seeds uint64, c cheating) (sum simulated) {
	t.Helper()
	for seed := range seeds {
		s := newSwarm(seed, policy, bees, bees*each, c)
		s.run(t, c)
		sum.units, sum.attempts, sum.wrong, sum.failed = sum.units+bees*each, sum.attempts+s.attempts, sum.wrong+s.wrong, sum.failed+s.failed
	}
	return sum
}

// BenchmarkCheats is the curve of what it costs to be believed: by how many units
// there are for each bee, and in which share of the units a tenth of the bees cheats;
// the figures of the package comment.
func BenchmarkCheats(b *testing.B) {
	thresholds, lengths := []float64{0.99, 0.998, 0.999}, []int{5, 10, 20, 40, 60, 200, 600}
	if testing.Short() {
		thresholds, lengths = thresholds[:1], lengths[:2]
	}
	for _, threshold := range thresholds {
		for _, each := range lengths {
			for _, rate := range []float64{1, 0.2, 0.05, 0.02} {
				b.Run(fmt.Sprintf("threshold=%g/each=%d/in=%g", threshold, each, rate), func(b *testing.B) {
					for b.Loop() {
						sum := simulate(b, Policy{Threshold: threshold}, 200, each, uint64(max(8, 240/each)), cheating{0.1, rate})
						b.ReportMetric(sum.cost(), "executions/unit")
						b.ReportMetric(sum.wrongPercent(), "%wrong")
					}
				})
			}
		}
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
