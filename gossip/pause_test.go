package gossip

import (
	"fmt"
	"testing"
	"time"
)

// pauses runs a mesh whose nodes each freeze for 4 s about once a minute, and
// returns the false deaths in a pair and hour.
func pauses(t testing.TB, n int, span time.Duration, o Options) float64 {
	s := newSim(t, n, 1, o)
	s.until(time.Minute, "everyone lives", s.together)
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
				node.pause(4 * time.Second)
				again()
			})
		}
		again()
	}
	s.run(span)
	return float64(dead) / float64(n*(n-1)) / span.Hours()
}

func TestTuning(t *testing.T) {
	for _, margin := range []time.Duration{500 * time.Millisecond, time.Second} {
		for _, probing := range []time.Duration{1500 * time.Millisecond, 2500 * time.Millisecond, 3500 * time.Millisecond} {
			o := Options{Margin: margin, Probing: probing}
			rate := pauses(t, 15, 20*time.Minute, o)
			s := newSim(t, 80, 1, o)
			s.until(time.Minute, "everyone lives", s.together)
			s.run(time.Minute)
			s.nodes[79].crash()
			times := s.known(s.nodes[79], time.Minute)
			fmt.Println(margin, probing, "false", rate, "crash", times[0], median(times), times[len(times)-1])
		}
	}
}
