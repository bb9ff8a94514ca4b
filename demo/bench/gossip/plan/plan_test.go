package plan

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"
)

func TestPlansAreRepeatable(t *testing.T) {
	for _, name := range slices.Concat(Scenarios, Probes) {
		a, b := New(name, 5, 3, ShortSize), New(name, 5, 3, ShortSize)
		if !reflect.DeepEqual(a, b) {
			t.Errorf("%s: the same seed gave two plans", name)
		}
		data, err := json.Marshal(a)
		if err != nil {
			t.Fatal(err)
		}
		var back Plan
		if err := json.Unmarshal(data, &back); err != nil || !reflect.DeepEqual(a, back) {
			t.Errorf("%s does not survive JSON: %v", name, err)
		}
	}
}

// Whoever acts must run, and node 0, through which the others join, must not
// stop: otherwise worlds would have to guess.
func TestPlansMakeSense(t *testing.T) {
	for _, name := range slices.Concat(Scenarios, Probes) {
		for seed := range uint64(20) {
			p := New(name, 5, seed, ShortSize)
			running := map[int]bool{}
			for i, s := range p.Steps {
				switch s.Do {
				case Start:
					if running[s.Node] {
						t.Errorf("%s, step %d: node %d runs already", name, i, s.Node)
					}
					running[s.Node] = true
				case Crash, Leave:
					if !running[s.Node] || s.Node == 0 {
						t.Errorf("%s, step %d: node %d must not end", name, i, s.Node)
					}
					delete(running, s.Node)
				case Set, Pause, Attack:
					if !running[s.Node] {
						t.Errorf("%s, step %d: node %d does not run", name, i, s.Node)
					}
				case AwaitAll, AwaitDead, AwaitLive, AwaitSet:
					if s.For == 0 {
						t.Errorf("%s, step %d: %s without a limit", name, i, s.Do)
					}
				}
			}
			if last := p.Steps[len(p.Steps)-1]; last.Do != Mark || last.Name != "end" {
				t.Errorf("%s does not end with its mark", name)
			}
		}
	}
}

func TestWatchIsLongerForFewer(t *testing.T) {
	for nodes, want := range map[int]int64{5: 60 * minute, 10: 40 * minute, 40: 5 * minute, 80: 5 * minute} {
		if got := FullSize.watch(nodes); got != want {
			t.Errorf("%d nodes are watched for %d s, not %d s", nodes, got/second, want/second)
		}
	}
}
