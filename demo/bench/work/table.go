package main

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/scenario"
)

// tables returns the comparison as Markdown.
func (r *report) tables() string {
	var b strings.Builder
	fmt.Fprintf(&b, "\n%s. %s; %.0f s. A cell is the median, and in brackets the least and the most.\n",
		r.Date.Format("2 January 2006"), r.Machine, r.Seconds)
	for _, what := range r.scenarios {
		r.table(&b, what)
	}
	for _, name := range r.Systems {
		for _, one := range r.Results {
			if one.System == name && one.Failed != "" {
				fmt.Fprintf(&b, "\nFAILED %s of %s: %s\n", one.Scenario, name, one.Failed)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(r.Skipped)) {
		fmt.Fprintf(&b, "\nSKIPPED %s: %s\n", name, r.Skipped[name])
	}
	return b.String()
}

// table writes one scenario: a column for each system that took part.
func (r *report) table(b *strings.Builder, what scenario.Scenario) {
	var columns []string
	for _, name := range r.Systems {
		if slices.ContainsFunc(r.Results, func(one result) bool { return one.Scenario == what.Name && one.System == name }) {
			columns = append(columns, name)
		}
	}
	if len(columns) == 0 {
		return
	}
	fmt.Fprintf(b, "\n#### %s\n\n| | %s |\n|---|%s\n", what.Title, strings.Join(columns, " | "), strings.Repeat("--:|", len(columns)))
	for _, m := range scenario.Metrics {
		if m.Scenario == what.Name && r.has(m.Name) {
			r.row(b, m, columns)
		}
	}
}

func (r *report) has(metric string) bool {
	return slices.ContainsFunc(r.Results, func(one result) bool { _, ok := one.Values[metric]; return ok })
}

func (r *report) row(b *strings.Builder, m scenario.Metric, columns []string) {
	fmt.Fprintf(b, "| %s |", m.Title)
	for _, name := range columns {
		fmt.Fprintf(b, " %s |", figure.Summary(r.values(m.Name, name)))
	}
	fmt.Fprintln(b)
	if !m.Ratio || !slices.Contains(columns, participant.Ours) {
		return
	}
	fmt.Fprint(b, "| … batchain, times this |")
	for _, name := range columns {
		fmt.Fprintf(b, " %s |", figure.Summary(r.ratios(m.Name, name)))
	}
	fmt.Fprintln(b)
}

// values are the figures of all tries.
func (r *report) values(metric, system string) []figure.Value {
	var all []figure.Value
	for _, one := range r.Results {
		if v, ok := one.Values[metric]; ok && one.System == system {
			all = append(all, v)
		}
	}
	return all
}

// ratios are how many times as much batchain had, in the same try.
func (r *report) ratios(metric, system string) []figure.Value {
	var all []figure.Value
	for _, one := range r.Results {
		v, ok := one.Values[metric]
		if !ok || one.System != system || v == 0 {
			continue
		}
		for _, ours := range r.Results {
			if o, ok := ours.Values[metric]; ok && ours.System == participant.Ours && ours.Try == one.Try {
				all = append(all, o/v)
			}
		}
	}
	return all
}

// The marks in a file between which the tables stand.
const (
	beginMark = "<!-- work: tables -->"
	endMark   = "<!-- work: end -->"
)

// insert puts tables into a file, in the place of those that are there.
func insert(file, tables string) error {
	data, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	before, rest, begun := strings.Cut(string(data), beginMark)
	_, after, ended := strings.Cut(rest, endMark)
	if !begun || !ended {
		return fmt.Errorf("%s has no place for tables: %s … %s", file, beginMark, endMark)
	}
	return os.WriteFile(file, []byte(before+beginMark+"\n"+tables+"\n"+endMark+after), 0o644)
}
