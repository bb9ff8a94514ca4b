package plan

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
)

const (
	second = 1000
	minute = 60 * second

	warmUp     = 60 * second
	patience   = 45 * minute // for a crash to be noticed by all
	outage     = 10 * minute
	pauseOf    = 4 * second
	valueBytes = 64
	hotRate    = 80 // values a second
)

// Scenarios are the names of all schedules but those of the hostile suite.
var Scenarios = []string{"spread", "crash", "leave", "restart", "partition", "pauses", "lossy"}

// Live is the schedule that is played in real time, see package live.
const Live = "live"

// Probes are the attacks of the hostile suite, named for the faults of
// gossipmonger and scuttlebutt that they look for.
var Probes = []string{"ghost", "forge", "malformed", "flood", "future", "omission"}

// Size is how much of a scenario is played; the full comparison plays
// [FullSize], continuous integration a [ShortSize].
type Size struct {
	Idle    int64   // milliseconds without a change, for the idle cost
	Updates int     // single updates whose spread is timed, two a second
	Hot     int64   // milliseconds of the hot writer
	Watch   float64 // hours, times pairs of nodes, for which false deaths are counted
	Flood   int     // peers that an attacker invents
}

// The sizes of a comparison.
var (
	FullSize  = Size{Idle: 2 * minute, Updates: 200, Hot: 30 * second, Watch: 60, Flood: 100_000}
	ShortSize = Size{Idle: 30 * second, Updates: 20, Hot: 10 * second, Watch: 1, Flood: 5_000}
)

// watch returns for how many milliseconds false deaths are counted: five minutes
// to an hour, the longer the fewer pairs of nodes there are.
func (s Size) watch(nodes int) int64 {
	const hour = 60 * minute
	return min(hour, max(5*minute, int64(s.Watch*hour/float64(nodes*(nodes-1)))))
}

// New returns the plan of one scenario or probe for nodes nodes. The same
// arguments give the same plan. It panics for a name that is not
// [Live] and neither in [Scenarios] nor in [Probes].
func New(name string, nodes int, seed uint64, size Size) Plan {
	b := &builder{Plan: Plan{Name: name, Nodes: nodes, Seed: seed, Latency: 2}, rand: rand.New(rand.NewPCG(seed, uint64(nodes)))}
	switch name {
	case Live:
		b.live()
	case "spread":
		b.spread(size)
	case "crash":
		b.crash()
	case "leave":
		b.leave()
	case "restart":
		b.restart()
	case "partition":
		b.partition()
	case "pauses":
		b.pauses(size.watch(nodes))
	case "lossy":
		b.Loss = 0.1
		b.watch(size.watch(nodes))
	default:
		if !slices.Contains(Probes, name) {
			panic(fmt.Sprintf("plan %q: no such scenario", name))
		}
		b.hostile(name, size.Flood)
	}
	return b.Plan
}

// builder adds steps to a plan.
type builder struct {
	Plan
	rand *rand.Rand
	last int // the number of the newest value
}

func (b *builder) add(steps ...Step) { b.Steps = append(b.Steps, steps...) }

// value returns the next value of 64 bytes.
func (b *builder) value() string {
	b.last++
	head := fmt.Sprintf("%d.", b.last)
	return head + strings.Repeat("x", valueBytes-len(head))
}

// join starts all nodes at once, node 0 a moment before the others, and waits
// until all know all, then for the rest of the warm-up.
func (b *builder) join() {
	b.add(Step{Do: Mark, Name: "join"})
	for n := range b.Nodes {
		b.add(Step{Do: Start, Node: n, Fresh: true})
	}
	b.add(Step{Do: AwaitAll, For: 10 * minute}, Step{After: warmUp, Do: Mark, Name: "joined"})
}

// victim is some node that is not the one the others join through.
func (b *builder) victim() int { return 1 + b.rand.IntN(b.Nodes-1) }

// moment is a part of a second, so that events meet the nodes' rounds anywhere.
func (b *builder) moment() int64 { return b.rand.Int64N(second) }
