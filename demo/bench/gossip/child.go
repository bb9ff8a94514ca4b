package main

import (
	"encoding/json"
	"fmt"
	"os"
	"testing"
	"testing/synctest"

	"github.com/batchain/batchain/demo/bench/gossip/participant"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
	"github.com/batchain/batchain/demo/bench/gossip/world"
)

// playWorld is the child's whole life: it reads a plan from standard input and
// plays it with the participant called name. It does not return.
//
// Virtual time is to be had inside a test only, so the child is one: package
// testing runs it, and its flags are not ours.
func playWorld(name string) {
	var p plan.Plan
	if err := json.NewDecoder(os.Stdin).Decode(&p); err != nil {
		die(err)
	}
	chosen, ok := participant.Table[name]
	if !ok {
		die(fmt.Errorf("no participant %q", name))
	}
	os.Args = os.Args[:1]
	play := func(t *testing.T) {
		synctest.Test(t, func(*testing.T) {
			if err := world.Run(p, chosen, os.Stdout); err != nil {
				die(err)
			}
		})
		os.Exit(0)
	}
	all := func(string, string) (bool, error) { return true, nil }
	testing.Main(all, []testing.InternalTest{{Name: name, F: play}}, nil, nil)
}

func die(err error) {
	fmt.Fprintln(os.Stderr, "gossip:", err)
	os.Exit(1)
}
