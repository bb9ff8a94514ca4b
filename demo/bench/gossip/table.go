package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/measure"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// printTables writes the comparison as Markdown.
func printTables(w io.Writer, o options, players []player, results []result) {
	group := ""
	for _, m := range measure.Metrics {
		cells := collect(results, m.Name)
		if len(cells) == 0 {
			continue
		}
		if m.Group != group {
			group = m.Group
			fmt.Fprintf(w, "\n### %s\n\n| | |%s\n|---|---|%s\n", group, headings(o.sizes), strings.Repeat("--:|", len(o.sizes)))
		}
		for i, who := range players {
			title := m.Title
			if i > 0 {
				title = ""
			}
			fmt.Fprintf(w, "| %s | %s |", title, who.name)
			for _, nodes := range o.sizes {
				fmt.Fprintf(w, " %s |", figure.Summary(cells[cell{who.name, nodes}]))
			}
			fmt.Fprintln(w)
		}
	}
	printVerdicts(w, players, results)
}

func headings(sizes []int) string {
	var b strings.Builder
	for _, n := range sizes {
		fmt.Fprintf(&b, " N=%d |", n)
	}
	return b.String()
}

type cell struct {
	participant string
	nodes       int
}

// collect returns the figures of one metric, over all seeds.
func collect(results []result, name string) map[cell][]figure.Value {
	cells := map[cell][]figure.Value{}
	for _, r := range results {
		if v, ok := r.Values[name]; ok {
			at := cell{r.Participant, r.Nodes}
			cells[at] = append(cells[at], v)
		}
	}
	return cells
}

// probes says what each probe of the hostile suite does.
var probes = map[string]string{
	"ghost":     "names a peer that does not exist",
	"forge":     "writes another's value, with a version far ahead",
	"malformed": "sends broken messages of every kind",
	"flood":     "names 100,000 peers that do not exist (-short: 5,000)",
	"future":    "claims a version far ahead for another",
	"omission":  "passes on a value and leaves out the one before it",
}

func printVerdicts(w io.Writer, players []player, results []result) {
	table := map[string]map[string]*measure.Verdict{}
	for _, r := range results {
		if r.Verdict != nil {
			if table[r.Scenario] == nil {
				table[r.Scenario] = map[string]*measure.Verdict{}
			}
			table[r.Scenario][r.Participant] = r.Verdict
		}
	}
	if len(table) == 0 {
		return
	}
	fmt.Fprintf(w, "\n### Hostile suite, N=%d and an attacker\n\n| the attacker |", hostileNodes)
	for _, who := range players {
		fmt.Fprintf(w, " %s |", who.name)
	}
	fmt.Fprintf(w, "\n|---|%s\n", strings.Repeat("---|", len(players)))
	for _, probe := range plan.Probes {
		if table[probe] == nil {
			continue
		}
		fmt.Fprintf(w, "| %s |", probes[probe])
		for _, who := range players {
			fmt.Fprintf(w, " %s |", verdict(table[probe][who.name]))
		}
		fmt.Fprintln(w)
	}
}

func verdict(v *measure.Verdict) string {
	switch {
	case v == nil:
		return "–"
	case v.Skipped != "":
		return "does not apply"
	case v.Harm != "":
		return fmt.Sprintf("**%s** (%.0f MiB)", v.Harm, v.RSS)
	default:
		return fmt.Sprintf("no harm (%.0f MiB)", v.RSS)
	}
}
