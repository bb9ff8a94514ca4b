package measure

import (
	"strconv"
	"strings"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// run is one journal beside its plan.
type run struct {
	plan   plan.Plan
	events []journal.Event
	began  []float64          // when each step was done, or an await began; ms
	marks  map[string]float64 // when each phase began; ms
}

// Of returns the figures of one run. A journal that was cut short gives those
// of the part there is.
func Of(p plan.Plan, events []journal.Event) Values {
	r := &run{plan: p, events: events, marks: map[string]float64{}}
	for _, e := range events {
		if e.Kind == journal.Step && e.Step == len(r.began) && e.Step < len(p.Steps) {
			r.began = append(r.began, e.At)
			if s := p.Steps[e.Step]; s.Do == plan.Mark {
				r.marks[s.Name] = e.At
			}
		}
	}
	v := Values{}
	switch p.Name {
	case "spread":
		r.joining(v, "join")
		r.joinMistakes(v)
		r.updates(v)
		r.hot(v)
		r.costs(v)
		r.mistakes(v, "idle", "joined", "hot")
	case plan.Live:
		r.live(v)
	case "crash":
		r.crash(v)
	case "leave":
		r.leave(v)
	case "restart":
		r.restart(v)
	case "partition":
		r.partition(v)
	case "pauses":
		r.mistakes(v, "pauses", "watch", "end")
	case "lossy":
		r.joining(v, "lossy_join")
		r.mistakes(v, "lossy", "watch", "end")
	}
	return v
}

// steps returns the numbers of the steps of one action that were done.
func (r *run) steps(do plan.Action) []int {
	var found []int
	for i := range r.began {
		if r.plan.Steps[i].Do == do {
			found = append(found, i)
		}
	}
	return found
}

// pairs is how many pairs of one who watches and one who is watched there are.
func (r *run) pairs() float64 { return float64(r.plan.Nodes * (r.plan.Nodes - 1)) }

// number returns the number a value begins with, or 0.
func number(value string) float64 {
	head, _, _ := strings.Cut(value, ".")
	n, err := strconv.ParseFloat(head, 64)
	if err != nil {
		return 0
	}
	return n
}

// seconds is the time from one moment to another, both in ms.
func seconds(from, to float64) figure.Value { return figure.Value((to - from) / 1000) }
