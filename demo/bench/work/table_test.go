package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/scenario"
)

func sampleReport() *report {
	return &report{
		Systems: []string{participant.Ours, "other"},
		Skipped: map[string]string{"asynq": "not here"},
		Results: []result{
			{"dispatch", participant.Ours, 1, scenario.Values{"rate_1": 100}, ""},
			{"dispatch", "other", 1, scenario.Values{"rate_1": 50}, ""},
			{"dispatch", participant.Ours, 2, scenario.Values{"rate_1": 300}, ""},
			{"dispatch", "other", 2, scenario.Values{"rate_1": 30}, ""},
			{"crash", "other", 1, scenario.Values{"crash_all": figure.Never}, ""},
			{"efficiency", "other", 1, nil, "it fell over"},
		},
		scenarios: scenario.Table,
	}
}

// Ratios are those of one turn, and what failed or was skipped is told.
func TestTables(t *testing.T) {
	out := sampleReport().tables()
	for _, line := range []string{
		"| 1 worker: units/s | 300 [100, 300] | 50.0 [30.0, 50.0] |",
		"| … batchain, times this | 1.00 | 10.0 [2.00, 10.0] |",
		"| all outputs, s | never |",
		"FAILED efficiency of other: it fell over",
		"SKIPPED asynq: not here",
	} {
		if !strings.Contains(out, line) {
			t.Errorf("no %q in\n%s", line, out)
		}
	}
}

func TestInsert(t *testing.T) {
	file := filepath.Join(t.TempDir(), "README.md")
	if err := os.WriteFile(file, []byte("a\n"+beginMark+"\nold\n"+endMark+"\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := insert(file, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if want := "a\n" + beginMark + "\nnew\n\n" + endMark + "\nb\n"; err != nil || string(got) != want {
		t.Errorf("%q, %v", got, err)
	}
	if err := os.WriteFile(file, []byte("a\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if insert(file, "new\n") == nil {
		t.Error("there is no place for tables, and none was missed")
	}
}

func TestOptions(t *testing.T) {
	o, err := parse([]string{"-short", "-systems", "JetStream,asynq", "-scenarios", "crash"})
	if err != nil || o.tries != 1 || len(o.systems) != 2 || len(o.scenarios) != 1 {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"-systems", "x"}, {"-scenarios", "nap"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
}

// Every figure that a table shows has a name of its own and a scenario.
func TestMetrics(t *testing.T) {
	known := map[string]bool{}
	for _, s := range scenario.Table {
		known[s.Name] = true
	}
	seen := map[string]bool{}
	for _, m := range scenario.Metrics {
		if seen[m.Name] || !known[m.Scenario] || m.Title == "" {
			t.Errorf("%+v", m)
		}
		seen[m.Name] = true
	}
}
