package measure

import (
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// joinMistakes counts the deaths told of nodes that all live, up to the end of
// the minute after all knew all, or of the ten minutes that took too long.
func (r *run) joinMistakes(v Values) {
	until, ok := r.marks["joined"]
	if !ok {
		return
	}
	v.put("join_false", Value(float64(len(r.falseDeaths(0, until)))/r.pairs()))
}

// mistakes puts how many false deaths there were between two marks, and how
// long one lasted.
func (r *run) mistakes(v Values, name, from, to string) {
	since, ok := r.marks[from]
	until, ended := r.marks[to]
	if !ok || !ended {
		return
	}
	lengths := r.falseDeaths(since, until)
	hours := (until - since) / 1000 / 3600
	v.put(name+"_false", Value(float64(len(lengths))/r.pairs()/hours))
	if name != "idle" {
		v.put(name+"_length", quantile(lengths, 0.5))
	}
}

// falseDeaths returns how long each false death that was told between two
// moments lasted. All nodes of the plan live.
func (r *run) falseDeaths(since, until float64) []Value {
	if len(r.steps(plan.Crash))+len(r.steps(plan.Leave)) > 0 {
		panic("measure: deaths may be true in this plan")
	}
	dead := map[pair]float64{}
	var lengths []Value
	for _, e := range r.events {
		p := pair{e.Node, e.Peer}
		at, isDead := dead[p]
		switch {
		case e.Peer >= r.plan.Nodes:
		case e.Kind == journal.Dead && e.At >= since && e.At < until:
			dead[p] = e.At
		case e.Kind == journal.Live && isDead:
			lengths = append(lengths, seconds(at, e.At))
			delete(dead, p)
		}
	}
	for range dead {
		lengths = append(lengths, Never)
	}
	return lengths
}
