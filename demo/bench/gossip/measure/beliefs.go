package measure

import (
	"math"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// pair is one who watches and one who is watched.
type pair struct{ node, peer int }

// allKnow returns how long after from every pair of nodes took each other for
// live; all of them run.
func (r *run) allKnow(from float64) figure.Value {
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
	return figure.Never
}

func (r *run) joining(v Values, name string) { v.put(name, r.allKnow(0)) }

// told returns, for every node but subject, how long after from it took subject
// for live, or for dead: at once if it did so already. Whoever did not until
// some moment is Never.
func (r *run) told(kind journal.Kind, subject int, from, until float64) []figure.Value {
	when := make([]figure.Value, r.plan.Nodes)
	for node := range when {
		when[node] = figure.Never
	}
	for _, e := range r.events {
		switch {
		case e.Peer != subject || (e.Kind != journal.Live && e.Kind != journal.Dead) || e.At >= until:
		case e.At < from && e.Kind == kind:
			when[e.Node] = 0
		case e.At < from:
			when[e.Node] = figure.Never
		case e.Kind == kind && when[e.Node] == figure.Never:
			when[e.Node] = seconds(from, e.At)
		}
	}
	return append(when[:subject], when[subject+1:]...)
}

// crash reads the two deaths and the return of the scenario.
func (r *run) crash(v Values) {
	crashes := r.steps(plan.Crash)
	back, returned := r.marks["return"]
	if len(crashes) == 0 || !returned {
		return
	}
	victim := r.plan.Steps[crashes[0]].Node
	times := r.told(journal.Dead, victim, r.began[crashes[0]], back)
	v.put("detect_first", quantile(times, 0))
	v.put("detect_median", quantile(times, 0.5))
	v.put("detect_last", quantile(times, 1))
	second := math.Inf(1)
	if len(crashes) > 1 {
		second = r.began[crashes[1]]
		times = r.told(journal.Dead, victim, second, math.Inf(1))
		v.put("again_median", quantile(times, 0.5))
		v.put("again_last", quantile(times, 1))
	}
	v.put("return", quantile(r.told(journal.Live, victim, back, second), 1))
}

func (r *run) leave(v Values) {
	for _, at := range r.steps(plan.Leave) {
		v.put("leave_last", quantile(r.told(journal.Dead, r.plan.Steps[at].Node, r.began[at], math.Inf(1)), 1))
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
	slowest := figure.Value(0)
	for _, at := range r.steps(plan.AwaitSet) {
		s := r.plan.Steps[at]
		slowest = max(slowest, quantile(r.seen(s.Node, s.Key, number(s.Value), since), 1))
	}
	v.put("heal_values", slowest)
}
