package main

import (
	"bytes"
	"context"
	"os/exec"
	"strings"
	"testing"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/gossip/measure"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// The world of gossipmonger keeps the same rules as those in Go: what does not
// depend on the participant comes out the same.
func TestWorldOfNode(t *testing.T) {
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip(err)
	}
	t.Chdir("..")
	folder, err := findGossipmonger(t.Context(), false)
	if err != nil {
		t.Skip(err)
	}
	size := plan.ShortSize
	size.Hot, size.Updates = 2000, 5
	play := func(name string) measure.Values {
		r, err := play(context.Background(), plan.New(name, 3, 1, size), player{name: gossipmonger, command: []string{"node", folder + "/world.js"}})
		if err != nil {
			t.Fatal(err)
		}
		return r.Values
	}
	spread := play("spread")
	if got := spread["idle_messages"]; got < 0.9 || got > 1.1 {
		t.Errorf("%v messages a second and node: gossipmonger sends one", got)
	}
	if got := spread["idle_dials"]; got < 0.9 || got > 1.1 {
		t.Errorf("%v connections a second and node: each message has its own", got)
	}
	if got := spread["update_p50"]; got < 0.006 || got > 3 {
		t.Errorf("an update took %v s: a message takes three times the latency of 2 ms, and is sent every second", got)
	}
	if got := play("partition")["heal_all"]; got == figure.Never {
		t.Error("the halves did not find each other again")
	}
}

func TestTables(t *testing.T) {
	results := []result{
		{Participant: "a", Scenario: "crash", Nodes: 5, Seed: 1, Values: measure.Values{"detect_last": 7}},
		{Participant: "a", Scenario: "crash", Nodes: 5, Seed: 2, Values: measure.Values{"detect_last": 9.25}},
		{Participant: "a", Scenario: "crash", Nodes: 5, Seed: 3, Values: measure.Values{"detect_last": figure.Never}},
		{Participant: "a", Scenario: "flood", Nodes: 5, Seed: 1, Verdict: &measure.Verdict{Harm: "the process died", RSS: 12}},
	}
	var out bytes.Buffer
	printTables(&out, options{sizes: []int{5, 10}}, []player{{name: "a"}, {name: "b"}}, results)
	for _, line := range []string{
		"| … all know | a | 9.25 [7.00, never] | – |",
		"|  | b | – | – |",
		"| **the process died** (12 MiB) | – |",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("no %q in\n%s", line, out.String())
		}
	}
}

func TestOptions(t *testing.T) {
	o, err := parse([]string{"-short"})
	if err != nil || len(o.sizes) != 1 || o.seeds != 1 || o.size != plan.ShortSize {
		t.Errorf("%+v, %v", o, err)
	}
	for _, args := range [][]string{{"-sizes", "2"}, {"-sizes", "x"}, {"-scenarios", "nap"}} {
		if _, err := parse(args); err == nil {
			t.Errorf("%v was taken", args)
		}
	}
	if o, _ = parse(nil); len(plans(o)) != 5*5*len(plan.Scenarios)+len(plan.Probes)+len(liveSizes) {
		t.Errorf("%d plans", len(plans(o)))
	}
}
