package measure

import (
	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
)

// reading is what all counters of a world showed at a mark.
type reading struct {
	at, cpu                        float64
	bytes, messages, dials, memory float64
}

// costs reads the phases with and without work.
func (r *run) costs(v Values) {
	nodes := float64(r.plan.Nodes)
	if a, b, ok := r.between("idle", "updates"); ok {
		time := (b.at - a.at) / 1000
		v.put("idle_bytes", figure.Value((b.bytes-a.bytes)/1000/time/nodes))
		v.put("idle_messages", figure.Value((b.messages-a.messages)/time/nodes))
		v.put("idle_dials", figure.Value((b.dials-a.dials)/time/nodes))
		v.put("idle_cpu", figure.Value((b.cpu-a.cpu)*1000/(time/60)/nodes))
	}
	if a, b, ok := r.between("hot", "drain"); ok {
		time := (b.at - a.at) / 1000
		v.put("busy_bytes", figure.Value((b.bytes-a.bytes)/1000/time/nodes))
		v.put("busy_messages", figure.Value((b.messages-a.messages)/time/nodes))
		v.put("busy_cpu", figure.Value((b.cpu-a.cpu)*1000/(time/60)/nodes))
	}
	if end, ok := r.reading("end"); ok {
		v.put("rss", figure.Value(end.memory/(1<<20)/nodes))
	}
}

func (r *run) between(from, to string) (a, b reading, ok bool) {
	a, began := r.reading(from)
	b, ended := r.reading(to)
	return a, b, began && ended
}

// reading sums the counters written at a mark.
func (r *run) reading(mark string) (reading, bool) {
	at, ok := r.marks[mark]
	if !ok {
		return reading{}, false
	}
	sum := reading{at: at}
	for _, e := range r.events {
		if e.At != at {
			continue
		}
		switch e.Kind {
		case journal.Count:
			sum.bytes += float64(e.Bytes)
			sum.messages += float64(e.Messages)
			sum.dials += float64(e.Dials)
		case journal.Cost:
			sum.cpu, sum.memory = e.CPU, float64(e.RSS)
		}
	}
	return sum, true
}
