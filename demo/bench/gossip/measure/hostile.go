package measure

import (
	"slices"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// Verdict is how one probe of the hostile suite ended.
type Verdict struct {
	Probe    string  `json:"probe"`
	Skipped  string  `json:"skipped,omitempty"` // why the probe means nothing here
	Survived bool    `json:"survived"`          // no process died
	Harm     string  `json:"harm,omitempty"`    // what the attacker achieved
	Known    int     `json:"known"`             // peers on record at the node that has most, right after
	RSS      float64 `json:"rss"`               // peak memory of the world, MiB
}

// Judge tells how a probe ended.
func Judge(p plan.Plan, events []journal.Event) Verdict {
	v := Verdict{Probe: p.Name, Survived: true}
	if len(events) == 0 || events[len(events)-1].Kind != journal.End {
		v.Survived = false
		v.Harm = "the process died"
	}
	r := &run{plan: p, events: events}
	ghosts, values := map[pair]bool{}, map[pair][]string{}
	for _, e := range events {
		switch e.Kind {
		case journal.Skip:
			v.Skipped = e.Value
		case journal.Cost:
			v.RSS = max(v.RSS, float64(e.RSS)/(1<<20))
		case journal.Count:
			v.Known = max(v.Known, e.Known)
		case journal.Live, journal.Dead:
			if e.Peer >= p.Nodes {
				ghosts[pair{e.Node, e.Peer}] = e.Kind == journal.Live
			}
		case journal.Value:
			values[pair{e.Node, e.Peer}] = append(values[pair{e.Node, e.Peer}], e.Key+"="+e.Value)
		}
	}
	if v.Survived && v.Skipped == "" {
		v.Harm = r.harm(ghosts, values)
	}
	return v
}

// harm looks for what the attacker wanted.
func (r *run) harm(ghosts map[pair]bool, values map[pair][]string) string {
	set := r.lastSet()
	for node := range r.plan.Nodes {
		seen := values[pair{node, set.Node}]
		switch {
		case node == set.Node:
		case r.plan.Name == "omission" && !slices.Contains(seen, "omitted=1."):
			return "a value that was left out never came"
		case !slices.Contains(seen, set.Key+"="+set.Value):
			return "the victim is not heard within 2 min"
		case slices.ContainsFunc(seen, func(s string) bool { return len(s) > 7 && s[len(s)-7:] == ".forged" }):
			return "a forged value was believed"
		}
	}
	for _, live := range ghosts {
		if live && r.plan.Name == "ghost" {
			return "the invented peer is live for ever"
		}
	}
	return ""
}

// lastSet is the honest change after the attack.
func (r *run) lastSet() plan.Step {
	var last plan.Step
	for _, s := range r.plan.Steps {
		if s.Do == plan.Set {
			last = s
		}
	}
	return last
}
