package measure

import (
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// pair is one who watches and one who is watched.
type pair struct{ node, peer int }

// allKnow returns how long after from every pair of nodes took each other for
// live; all of them run.
func (r *run) allKnow(from float64) Value {
	missing := int(r.pairs())
	live := map[pair]bool{}
	for _, e := range r.events {
		if missing == 0 && e.At >= from {
			return 0 // it was so at that moment
		}
		is := e.Kind == journal.Live
		p := pair{e.Node, e.Peer}
		if e.Peer >= r.plan.Nodes || is == live[p] || (!is && e.Kind != journal.Dead) {
			continue
		}
		live[p] = is
		if is {
			missing--
		} else {
			missing++
		}
		if missing == 0 && e.At >= from {
			return seconds(from, e.At)
		}
	}
	return Never
}

func (r *run) joining(v Values, name string) { v.put(name, r.allKnow(0)) }

// told returns, for every node but subject, how long after from it first took
// subject for live, or for dead. Whoever never did is Never.
func (r *run) told(kind journal.Kind, subject int, from float64) []Value {
	when := make([]Value, r.plan.Nodes)
	for node := range when {
		when[node] = Never
	}
	for _, e := range r.events {
		if e.Kind == kind && e.Peer == subject && e.At >= from && when[e.Node] == Never {
			when[e.Node] = seconds(from, e.At)
		}
	}
	return append(when[:subject], when[subject+1:]...)
}

// crash reads the two deaths and the return of the scenario.
func (r *run) crash(v Values) {
	crashes := r.steps(plan.Crash)
	for i, at := range crashes {
		times := r.told(journal.Dead, r.plan.Steps[at].Node, r.began[at])
		if i == 0 {
			v.put("detect_first", quantile(times, 0))
			v.put("detect_median", quantile(times, 0.5))
			v.put("detect_last", quantile(times, 1))
			continue
		}
		v.put("again_median", quantile(times, 0.5))
		v.put("again_last", quantile(times, 1))
	}
	if since, ok := r.marks["return"]; ok {
		times := r.told(journal.Live, r.plan.Steps[crashes[0]].Node, since)
		v.put("return", quantile(times, 1))
	}
}

func (r *run) leave(v Values) {
	for _, at := range r.steps(plan.Leave) {
		v.put("leave_last", quantile(r.told(journal.Dead, r.plan.Steps[at].Node, r.began[at]), 1))
	}
	for _, e := range r.events {
		if e.Kind == journal.Skip {
			delete(v, "leave_last")
		}
	}
}

// partition reads how the halves found each other again.
func (r *run) partition(v Values) {
	since, ok := r.marks["heal"]
	if !ok {
		return
	}
	v.put("heal_all", r.allKnow(since))
	slowest := Value(0)
	for _, at := range r.steps(plan.AwaitSet) {
		s := r.plan.Steps[at]
		slowest = max(slowest, quantile(r.seen(s.Node, s.Key, number(s.Value), since), 1))
	}
	v.put("heal_values", slowest)
}
