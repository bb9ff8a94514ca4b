package gossip

import (
	"fmt"
	"slices"
	"testing"
	"time"
)

// sizes are the meshes in which the numbers are shown.
func sizes() []int {
	if testing.Short() {
		return []int{5, 20}
	}
	return []int{5, 20, 80}
}

// A crash is known to everybody within 10 s, however large the mesh; nobody is
// held for dead while members join.
func TestCrashIsKnown(t *testing.T) {
	for _, n := range sizes() {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			var last []time.Duration
			for seed := range uint64(3) {
				s := newSim(t, n, seed, Options{})
				false_ := 0
				s.told = func(_ *simNode, e Event) {
					if e.Kind == KindDead {
						false_++
					}
				}
				joined := s.until(time.Minute, "everyone lives", s.together)
				s.run(time.Minute)
				if false_ > 0 {
					t.Errorf("%d false deaths in a join", false_)
				}
				victim := s.nodes[n-1]
				victim.crash()
				times := s.known(victim, time.Minute)
				if len(times) != n-1 {
					t.Fatalf("%d of %d know of the crash", len(times), n-1)
				}
				last = append(last, times[len(times)-1])
				t.Logf("joined in %v, crash known to first %v, median %v, all %v", joined, times[0], median(times), times[len(times)-1])
			}
			slices.Sort(last)
			if median(last) > 10*time.Second {
				t.Errorf("known to all after %v at the median", median(last))
			}
		})
	}
}

// An update reaches everybody within a second.
func TestUpdateIsKnown(t *testing.T) {
	for _, n := range sizes() {
		s := newSim(t, n, 1, Options{})
		s.until(time.Minute, "everyone lives", s.together)
		var took []time.Duration
		for i := range 40 {
			s.run(time.Duration(s.rand.Int64N(int64(2 * time.Second))))
			node, value := s.nodes[s.rand.IntN(n)], fmt.Sprint(i)
			node.say("k", value)
			took = append(took, s.until(10*time.Second, "the update is everywhere", func() bool { return s.has(node, "k", value) }))
		}
		slices.Sort(took)
		t.Logf("N=%d: median %v, worst %v", n, median(took), took[len(took)-1])
	}
}

func TestIdleTraffic(t *testing.T) {
	for _, n := range sizes() {
		s := newSim(t, n, 1, Options{})
		for _, node := range s.nodes {
			for k := range 5 {
				node.say(fmt.Sprint("key", k), "some value of forty bytes, more or less")
			}
		}
		s.until(time.Minute, "everyone lives", s.together)
		s.run(30 * time.Second)
		s.encode = true
		sent := 0
		for _, node := range s.nodes {
			sent -= node.sent
		}
		s.run(60 * time.Second)
		bytes := 0
		for _, node := range s.nodes {
			bytes += node.bytes
			sent += node.sent
		}
		t.Logf("N=%d: %d B/s, %.1f messages/s per node", n, bytes/60/n, float64(sent)/60/float64(n))
	}
}

func TestLargeMesh(t *testing.T) {
	for _, n := range []int{130, 250, 500} {
		s := newSim(t, n, 1, Options{})
		began := time.Now()
		s.run(60 * time.Second)
		s.encode = true
		s.run(20 * time.Second)
		bytes, most, live := 0, 0, 0
		for _, node := range s.nodes {
			bytes += node.bytes
			most = max(most, len(node.members))
			for _, m := range node.members {
				if m.state == Live {
					live++
				}
			}
		}
		t.Logf("N=%d: %d B/s per node, at most %d members, %.1f live; took %v", n, bytes/20/n, most, float64(live)/float64(n), time.Since(began))
		victim := s.nodes[n-1]
		watched := 0
		for _, node := range s.nodes {
			if node.state(victim) == Live {
				watched++
			}
		}
		victim.crash()
		times := s.known(victim, 30*time.Second)
		t.Logf("watched by %d, known by %d", watched, len(times))
		if len(times) > 0 {
			t.Log(times[0], median(times), times[len(times)-1])
		}
	}
}
