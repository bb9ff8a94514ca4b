package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
	"github.com/batchain/batchain/demo/bench/gossip/live"
	"github.com/batchain/batchain/demo/bench/gossip/measure"
	"github.com/batchain/batchain/demo/bench/gossip/plan"
)

// result is what one world gave.
type result struct {
	Participant string           `json:"participant"`
	Scenario    string           `json:"scenario"`
	Nodes       int              `json:"nodes"`
	Seed        uint64           `json:"seed"`
	Values      measure.Values   `json:"values,omitempty"`
	Verdict     *measure.Verdict `json:"verdict,omitempty"`
	CPU         float64          `json:"cpu"` // seconds that its world took; not told of real time
}

// liveSizes are the meshes that are played in real time too.
var liveSizes = []int{5, 10}

// hostileNodes is the size of the meshes that are attacked.
const hostileNodes = 5

// plans returns the schedules that o asks for: the first seed of all comes
// before the second of any, and large meshes before small ones.
func plans(o options) []plan.Plan {
	var all []plan.Plan
	for seed := range o.seeds {
		for _, nodes := range slices.Backward(slices.Sorted(slices.Values(o.sizes))) {
			for _, name := range o.scenarios {
				if slices.Contains(plan.Scenarios, name) {
					all = append(all, plan.New(name, nodes, uint64(seed+1), o.size))
				}
			}
		}
	}
	for _, name := range o.scenarios {
		if slices.Contains(plan.Probes, name) {
			all = append(all, plan.New(name, hostileNodes, 1, o.size))
		}
	}
	for _, nodes := range liveSizes {
		if slices.Contains(o.scenarios, plan.Live) && slices.Contains(o.sizes, nodes) {
			all = append(all, plan.New(plan.Live, nodes, 1, o.size))
		}
	}
	return all
}

// playAll plays everything that o asks for with every player, but for what is
// in have, and returns the results of both; also with an error.
func playAll(ctx context.Context, o options, players []player, have []result) ([]result, error) {
	var mu sync.Mutex
	results := slices.Clone(have)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(o.jobs)
	for _, p := range plans(o) {
		for _, who := range players {
			if slices.ContainsFunc(have, func(r result) bool { return r.is(p, who) }) {
				continue
			}
			group.Go(func() error {
				r, err := play(ctx, p, who)
				if err != nil {
					return err
				}
				mu.Lock()
				defer mu.Unlock()
				results = append(results, r)
				fmt.Fprintf(os.Stderr, "%4d  %6.1f s  %-12s %-9s N=%d seed %d\n", len(results), r.CPU, r.Participant, r.Scenario, r.Nodes, r.Seed)
				return save(o.jsonFile, results)
			})
		}
	}
	err := group.Wait()
	return results, err
}

// is reports whether r is the result of a plan and a player.
func (r result) is(p plan.Plan, who player) bool {
	return r.Participant == who.name && r.Scenario == p.Name && r.Nodes == p.Nodes && r.Seed == p.Seed
}

// play runs one world in a process of its own. That a world dies is an error
// unless it was attacked.
func play(ctx context.Context, p plan.Plan, who player) (result, error) {
	r := result{Participant: who.name, Scenario: p.Name, Nodes: p.Nodes, Seed: p.Seed}
	var events []journal.Event
	var cpu time.Duration
	var err error
	if p.Name == plan.Live {
		events, err = live.Play(ctx, p, who.node, who.env)
	} else {
		events, cpu, err = watch(ctx, p, who)
	}
	r.CPU = cpu.Seconds()
	if ctx.Err() != nil {
		return r, ctx.Err()
	}
	if slices.Contains(plan.Probes, p.Name) && (err == nil || errors.Is(err, journal.ErrCutShort)) {
		verdict := measure.Judge(p, events)
		r.Verdict = &verdict
		return r, nil
	}
	if err != nil {
		return r, fmt.Errorf("%s, %s, N=%d, seed %d: %w", who.name, p.Name, p.Nodes, p.Seed, err)
	}
	r.Values = measure.Of(p, events)
	return r, nil
}

// watch plays p and returns its journal, and the CPU time of the world.
func watch(ctx context.Context, p plan.Plan, who player) ([]journal.Event, time.Duration, error) {
	input, err := json.Marshal(p)
	if err != nil {
		return nil, 0, err
	}
	var complaints bytes.Buffer
	c := exec.CommandContext(ctx, who.command[0], who.command[1:]...)
	c.Env = append(os.Environ(), who.env...)
	c.Stdin, c.Stderr = bytes.NewReader(input), &complaints
	out, err := c.StdoutPipe()
	if err != nil {
		return nil, 0, err
	}
	if err := c.Start(); err != nil {
		return nil, 0, err
	}
	events, err := journal.Read(out)
	if failed := c.Wait(); err != nil && failed != nil {
		err = fmt.Errorf("%w: %w: %.2000s", err, failed, complaints.Bytes())
	}
	return events, c.ProcessState.UserTime() + c.ProcessState.SystemTime(), err
}
