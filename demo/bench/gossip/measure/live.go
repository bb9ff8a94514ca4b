package measure

import (
	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
)

// live reads a play in real time with the means of the scenarios it resembles.
func (r *run) live(v Values) {
	all := Values{}
	r.joining(all, "join")
	r.updates(all)
	r.crash(all)
	for name, figure := range all {
		v["live_"+name] = figure
	}
	r.processes(v)
}

// processes reads what the processes of the nodes have cost in the rest between
// the marks "idle" and "updates".
func (r *run) processes(v Values) {
	since, until := r.marks["idle"], r.marks["updates"]
	first, second := map[int]journal.Event{}, map[int]journal.Event{}
	for _, e := range r.events {
		if e.Kind != journal.Cost {
			continue
		}
		if _, there := first[e.Node]; !there && e.At >= since {
			first[e.Node] = e
		}
		if _, there := second[e.Node]; !there && e.At >= until {
			second[e.Node] = e
		}
	}
	var cpu, memory []figure.Value
	for node, b := range second {
		a := first[node]
		cpu = append(cpu, figure.Value((b.CPU-a.CPU)*1000/((b.At-a.At)/60_000)))
		memory = append(memory, figure.Value(float64(b.RSS)/(1<<20)))
	}
	v.put("live_cpu", quantile(cpu, 0.5))
	v.put("live_rss", quantile(memory, 0.5))
}
