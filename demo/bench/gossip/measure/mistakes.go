package measure

import (
	"github.com/batchain/batchain/demo/bench/figure"
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
	v.put("join_false", figure.Value(float64(len(r.falseDeaths(0, until)))/r.pairs()))
}

// mistakes puts how many false deaths there were between two marks, and how
// long one lasted.
func (r *run) mistakes(v Values, name, from, to string) {
	since, ok := r.marks[from]
	until, ended := r.marks[to]
	if !ok || !ended {
		return
	}
	hours := (until - since) / 1000 / 3600
	var lengths []figure.Value
	others := 0
	for _, d := range r.falseDeaths(since, until) {
		lengths = append(lengths, d.length)
		if !r.justPaused(d.node, d.at) {
			others++
		}
	}
	v.put(name+"_false", figure.Value(float64(len(lengths))/r.pairs()/hours))
	v.put(name+"_length", quantile(lengths, 0.5))
	if name == "pauses" {
		v.put("pauses_others", figure.Value(float64(others)/r.pairs()/hours))
	}
}

// afterPause is how long after a pause a node's own judgement may still suffer
// from it, in ms.
const afterPause = 12_000

// justPaused reports whether a node was in a pause at a moment, or not long
// before.
func (r *run) justPaused(node int, at float64) bool {
	for _, i := range r.steps(plan.Pause) {
		if r.plan.Steps[i].Node == node && r.began[i] <= at && at < r.began[i]+afterPause {
			return true
		}
	}
	return false
}

// falseDeath is a death that was told of a node that lived.
type falseDeath struct {
	pair
	at     float64
	length figure.Value // until it was taken back, s
}

// falseDeaths returns the false deaths that were told between two moments. All
// nodes of the plan live.
func (r *run) falseDeaths(since, until float64) []falseDeath {
	if len(r.steps(plan.Crash))+len(r.steps(plan.Leave)) > 0 {
		panic("measure: deaths may be true in this plan")
	}
	dead := map[pair]float64{}
	var all []falseDeath
	for _, e := range r.events {
		p := pair{e.Node, e.Peer}
		at, isDead := dead[p]
		switch {
		case e.Peer >= r.plan.Nodes:
		case e.Kind == journal.Dead && e.At >= since && e.At < until:
			dead[p] = e.At
		case e.Kind == journal.Live && isDead:
			all = append(all, falseDeath{p, at, seconds(at, e.At)})
			delete(dead, p)
		}
	}
	for p, at := range dead {
		all = append(all, falseDeath{p, at, figure.Never})
	}
	return all
}
