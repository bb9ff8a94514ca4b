package gossip

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// The numbers, in virtual time: they are exact and hold on any machine. The
// benchmarks show the same at full length.

// A crash is known to everybody within 10 s, however large the mesh.
func TestCrashIsKnown(t *testing.T) {
	for n, seeds := range map[int]uint64{5: 3, 20: 2, 80: 1} {
		if brief() && n > 20 {
			continue
		}
		var last []time.Duration
		for seed := range seeds {
			joined, times := crash(t, n, seed, Options{})
			last = append(last, times[len(times)-1])
			t.Logf("%d joined in %v, crash known to first %v, median %v, all %v", n, joined, times[0], median(times), times[len(times)-1])
		}
		slices.Sort(last)
		if median(last) > 10*time.Second {
			t.Errorf("%d: known to all after %v at the median", n, median(last))
		}
	}
}

// crash lets one of n crash and returns when each other knows it.
func crash(t testing.TB, n int, seed uint64, o Options) (joined time.Duration, times []time.Duration) {
	s := newSim(t, n, seed, o)
	joined = s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	s.nodes[n-1].crash()
	times = s.known(s.nodes[n-1], time.Minute)
	if len(times) != n-1 {
		t.Fatalf("%d of %d know of the crash", len(times), n-1)
	}
	return joined, times
}

// An update reaches all within a second.
func TestUpdateIsKnown(t *testing.T) {
	for n, updates := range map[int]int{5: 40, 20: 40, 80: 10} {
		if brief() && n > 20 {
			continue
		}
		took := updateTimes(t, n, updates)
		t.Logf("%d: median %v, worst %v", n, median(took), took[len(took)-1])
		if median(took) > time.Second {
			t.Errorf("%d: an update takes %v at the median", n, median(took))
		}
	}
}

// updateTimes returns how long updates take until all of n have them, sorted.
func updateTimes(t testing.TB, n, updates int) (took []time.Duration) {
	s := newSim(t, n, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(5 * time.Second)
	for i := range updates {
		s.run(time.Duration(s.rand.Int64N(int64(2 * time.Second))))
		node, value := s.nodes[s.rand.IntN(n)], fmt.Sprint(i)
		node.say("k", value)
		took = append(took, s.until(10*time.Second, "the update is everywhere", func() bool { return s.has(node, "k", value) }))
	}
	slices.Sort(took)
	return took
}

// Members that have nothing to say send at most 3 kB in a second when there are
// twenty of them, and 10 kB when there are eighty.
func TestIdleTraffic(t *testing.T) {
	for n, limit := range map[int]int{5: 3000, 20: 3000, 80: 10_000} {
		if brief() && n > 20 {
			continue
		}
		bytes, messages := idleTraffic(t, n, 15*time.Second)
		t.Logf("%d: %d B/s, %.1f messages/s of each", n, bytes, messages)
		if bytes > limit {
			t.Errorf("%d: %d B/s, at most %d are allowed", n, bytes, limit)
		}
	}
}

func idleTraffic(t testing.TB, n int, span time.Duration) (bytesPerSecond int, messagesPerSecond float64) {
	s := newSim(t, n, 1, Options{})
	for _, node := range s.nodes {
		for k := range 5 {
			node.say(fmt.Sprint("key", k), "some value of forty bytes, more or less")
		}
	}
	s.until(time.Minute, "together", s.together)
	s.run(10 * time.Second)
	s.encode = true
	sent, bytes := 0, 0
	for _, node := range s.nodes {
		sent -= node.sent
	}
	s.run(span)
	for _, node := range s.nodes {
		bytes += node.bytes
		sent += node.sent
	}
	return int(float64(bytes) / span.Seconds() / float64(n)), float64(sent) / span.Seconds() / float64(n)
}

// At 10 % loss nobody is taken for dead.
func TestLossKillsNobody(t *testing.T) {
	n, span := 30, 5*time.Minute
	if brief() {
		n, span = 15, 2*time.Minute
	}
	if dead := lossy(t, n, span); dead > 0 {
		t.Errorf("%d false deaths", dead)
	}
}

// lossy returns the false deaths of a mesh that loses every tenth message.
func lossy(t testing.TB, n int, span time.Duration) (dead int) {
	s := newSim(t, n, 1, Options{})
	s.loss = 0.1
	s.until(time.Minute, "together", s.together)
	s.told = func(_ *simNode, e Event) {
		if e.Kind == KindDead {
			dead++
		}
	}
	s.run(span)
	return dead
}

// Nodes that freeze, or whose network stands still, for 4 s once a minute are
// hardly ever taken for dead, nor do they take others for dead.
func TestPausesKillFew(t *testing.T) {
	span := 15 * time.Minute
	if brief() {
		span = 4 * time.Minute
	}
	for name, freeze := range freezes {
		for _, n := range []int{3, 10} {
			if rate := pauses(t, n, span, Options{}, freeze); rate > 0.05 {
				t.Errorf("%s of %d pauses: %.3f false deaths of a pair in an hour", name, n, rate)
			}
		}
	}
}

// freezes are the ways in which a node can pause.
var freezes = map[string]func(*simNode, time.Duration){"process": (*simNode).pause, "network": (*simNode).stall}

// pauses returns the false deaths of a pair in an hour, in a mesh whose nodes
// each freeze for 4 s about once a minute.
func pauses(t testing.TB, n int, span time.Duration, o Options, freeze func(*simNode, time.Duration)) float64 {
	s := newSim(t, n, 1, o)
	s.until(time.Minute, "together", s.together)
	dead := 0
	s.told = func(_ *simNode, e Event) {
		if e.Kind == KindDead {
			dead++
		}
	}
	for _, node := range s.nodes {
		var again func()
		again = func() {
			s.at(s.now.Add(time.Duration(s.rand.ExpFloat64()*float64(time.Minute))), func() {
				freeze(node, 4*time.Second)
				again()
			})
		}
		again()
	}
	s.run(span)
	return float64(dead) / float64(n*(n-1)) / span.Hours()
}

// Beyond the neighbourhood a member costs no more however large the mesh grows;
// its neighbours know of its crash as soon as in a small one.
func TestLargeMesh(t *testing.T) {
	hood, sizes := 32, []int{80, 160}
	if brief() {
		hood, sizes = 16, []int{40, 60}
	}
	var costs []int
	for _, n := range sizes {
		cost, watchers, last := large(t, n, hood)
		t.Logf("%d members, neighbourhood of %d: %d B/s of each; a crash is known to all %d watchers after %v", n, hood, cost, watchers, last)
		costs = append(costs, cost)
		if watchers < hood/2 || last > 15*time.Second {
			t.Errorf("%d: watched by %d, known after %v", n, watchers, last)
		}
	}
	if costs[1] > costs[0]*5/4 {
		t.Errorf("the cost grows from %d to %d B/s", costs[0], costs[1])
	}
}

// large returns what each of n members sends in a second, and how many watch one
// that crashes as its neighbours, and after how long all of them know.
func large(t testing.TB, n, hood int) (cost, watchers int, last time.Duration) {
	s := newSim(t, n, 1, Options{Neighbourhood: hood})
	s.run(30 * time.Second)
	s.encode = true
	s.run(10 * time.Second)
	for _, node := range s.nodes {
		cost += node.bytes
	}
	s.encode = false
	victim := s.nodes[n-1]
	var neighbours []*simNode
	for _, node := range s.nodes {
		m := node.of(victim)
		if m != nil && node != victim && m.state == Live && m.detector.enough() && !slices.Contains(node.look().strangers, m) {
			neighbours = append(neighbours, node)
		}
	}
	victim.crash()
	began := s.now
	alive := func(node *simNode) bool { return node.state(victim).Alive() }
	for s.now.Sub(began) < time.Minute && slices.ContainsFunc(neighbours, alive) {
		s.run(50 * time.Millisecond)
	}
	return cost / 10 / n, len(neighbours), s.now.Sub(began)
}

// BenchmarkCrash prints how long it takes until all of n know of a crash.
func BenchmarkCrash(b *testing.B) {
	for _, n := range []int{5, 10, 20, 40, 80} {
		if brief() && n > 20 {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				var last []time.Duration
				for seed := range uint64(5) {
					_, times := crash(b, n, seed, Options{})
					last = append(last, times[len(times)-1])
				}
				slices.Sort(last)
				b.ReportMetric(median(last).Seconds(), "s-median-of-5")
				b.ReportMetric(last[len(last)-1].Seconds(), "s-worst")
			}
		})
	}
}

// BenchmarkUpdate prints how long 200 updates take until all of 80 have them.
func BenchmarkUpdate(b *testing.B) {
	n, updates := 80, 200
	if brief() {
		n, updates = 10, 20
	}
	for b.Loop() {
		took := updateTimes(b, n, updates)
		b.ReportMetric(median(took).Seconds(), "s-median")
		b.ReportMetric(took[len(took)*99/100].Seconds(), "s-p99")
	}
}

// BenchmarkFalseDeaths prints the false deaths of an hour at 10 % loss among 50.
func BenchmarkFalseDeaths(b *testing.B) {
	n, span := 50, time.Hour
	if brief() {
		n, span = 10, time.Minute
	}
	for b.Loop() {
		b.ReportMetric(float64(lossy(b, n, span)), "deaths")
	}
}

// BenchmarkCurve prints, for some settings, how fast a crash is known and how
// many pauses of 4 s are taken for one: more of the one is less of the other.
func BenchmarkCurve(b *testing.B) {
	n, span := 20, time.Hour
	if brief() {
		n, span = 5, time.Minute
	}
	for _, o := range []Options{
		{Probing: time.Second / 2}, {Probing: time.Second}, {Probing: 1500 * time.Millisecond}, {}, {Probing: 3 * time.Second}, {Phi: Exponential},
	} {
		b.Run(fmt.Sprintf("phi=%d/probing=%v", o.withDefaults().Phi, o.withDefaults().Probing), func(b *testing.B) {
			for b.Loop() {
				_, times := crash(b, n, 1, o)
				b.ReportMetric(times[len(times)-1].Seconds(), "s-crash")
				for name, freeze := range freezes {
					b.ReportMetric(pauses(b, n, span, o, freeze), "deaths/pair/h-"+name)
				}
			}
		})
	}
}

// BenchmarkLargeMesh prints what a member costs in meshes of up to 1,000.
func BenchmarkLargeMesh(b *testing.B) {
	for _, n := range []int{100, 250, 1000} {
		if brief() && n > 100 {
			continue
		}
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			for b.Loop() {
				cost, watchers, last := large(b, n, 128)
				b.ReportMetric(float64(cost), "B/s/member")
				b.ReportMetric(float64(watchers), "watchers")
				b.ReportMetric(last.Seconds(), "s-crash")
			}
		})
	}
}
