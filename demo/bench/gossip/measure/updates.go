package measure

import (
	"math"
	"slices"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// sight is one value seen.
type sight struct{ at, number float64 }

// sights returns what each node saw of one key of owner, in order.
func (r *run) sights(owner int, key string) [][]sight {
	all := make([][]sight, r.plan.Nodes)
	for _, e := range r.events {
		if e.Kind == journal.Value && e.Peer == owner && (e.Key == key || key == anyKey) && e.Node < r.plan.Nodes {
			all[e.Node] = append(all[e.Node], sight{e.At, number(e.Value)})
		}
	}
	return all
}

// anyKey asks for the values of all keys of an owner.
const anyKey = ""

// seen returns, for every node but owner, how long after from it had the value
// with a number, or a newer one.
func (r *run) seen(owner int, key string, want, from float64) []figure.Value {
	return times(r.sights(owner, key), owner, want, from)
}

func times(sights [][]sight, owner int, want, from float64) []figure.Value {
	var when []figure.Value
	for node, list := range sights {
		if node == owner {
			continue
		}
		i := slices.IndexFunc(list, func(s sight) bool { return s.number >= want })
		if i < 0 {
			when = append(when, figure.Never)
			continue
		}
		when = append(when, max(0, seconds(from, list[i].at)))
	}
	return when
}

// updates reads the single updates between the marks "updates" and "hot".
func (r *run) updates(v Values) {
	var pairs, all []figure.Value
	missing := 0
	r.eachSet(plan.Status, "updates", "hot", func(when []figure.Value) {
		pairs = append(pairs, when...)
		all = append(all, quantile(when, 1))
		for _, w := range when {
			if w == figure.Never {
				missing++
			}
		}
	})
	v.put("update_p50", quantile(pairs, 0.5))
	v.put("update_p99", quantile(pairs, 0.99))
	v.put("update_all", quantile(all, 0.5))
	v.put("update_all_max", quantile(all, 1))
	v.put("update_missing", figure.Value(100*float64(missing)/float64(len(pairs))))
}

// hot reads what the writer of many values did to one who writes few, and how
// far behind it the others were, once a second.
func (r *run) hot(v Values) {
	var all []figure.Value
	r.eachSet(plan.Status, "hot", "drain", func(when []figure.Value) { all = append(all, quantile(when, 1)) })
	v.put("cold_all", quantile(all, 0.5))
	v.put("cold_all_max", quantile(all, 1))

	since, ok := r.marks["hot"]
	until, ended := r.marks["drain"]
	if !ok || !ended {
		return
	}
	const writer = 0
	written := r.written(writer, since)
	var lags []figure.Value
	for node, list := range r.sights(writer, anyKey) {
		for at := since + 1000; at < until && node != writer; at += 1000 {
			lags = append(lags, figure.Value(behind(written, list, at)))
		}
	}
	v.put("hot_lag_p50", quantile(lags, 0.5))
	v.put("hot_lag_p99", quantile(lags, 0.99))
}

// written returns the values that a node set since a moment.
func (r *run) written(node int, since float64) []sight {
	var list []sight
	for _, at := range r.steps(plan.Set) {
		if s := r.plan.Steps[at]; s.Node == node && r.began[at] >= since {
			list = append(list, sight{r.began[at], number(s.Value)})
		}
	}
	return list
}

// behind counts the values written up to a moment that are newer than the
// newest one seen by then.
func behind(written, seen []sight, at float64) int {
	newest := 0.0
	for _, s := range seen {
		if s.at > at {
			break
		}
		newest = max(newest, s.number)
	}
	n := 0
	for _, s := range written {
		if s.at <= at && s.number > newest {
			n++
		}
	}
	return n
}

// eachSet calls do with the times of every set of key between two marks.
func (r *run) eachSet(key, from, to string, do func(when []figure.Value)) {
	since, ok := r.marks[from]
	until, ended := r.marks[to]
	if !ok {
		return
	}
	if !ended {
		until = math.Inf(1)
	}
	byOwner := map[int][][]sight{}
	for _, at := range r.steps(plan.Set) {
		s := r.plan.Steps[at]
		if s.Key != key || r.began[at] < since || r.began[at] >= until {
			continue
		}
		if byOwner[s.Node] == nil {
			byOwner[s.Node] = r.sights(s.Node, key)
		}
		do(times(byOwner[s.Node], s.Node, number(s.Value), r.began[at]))
	}
}

// restart reads when the first value of the new life was seen by all.
func (r *run) restart(v Values) {
	for _, at := range r.steps(plan.AwaitSet) {
		s := r.plan.Steps[at]
		v.put("restart", quantile(r.seen(s.Node, s.Key, number(s.Value), r.began[at]), 1))
	}
}
