package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/scenario"
)

// report is all that a run found out.
type report struct {
	Date      time.Time         `json:"date"`
	Machine   machine           `json:"machine"`
	Systems   []string          `json:"systems"`
	Skipped   map[string]string `json:"skipped,omitempty"` // why, by system
	Results   []result          `json:"results"`
	Seconds   float64           `json:"seconds"`
	scenarios []scenario.Scenario
}

// result is what one play gave.
type result struct {
	Scenario string          `json:"scenario"`
	System   string          `json:"system"`
	Try      int             `json:"try"` // ratios are those of one try
	Values   scenario.Values `json:"values,omitempty"`
	Failed   string          `json:"failed,omitempty"`
}

// limit bounds one play.
const limit = 150 * time.Second

// play plays every scenario with every system that is to be had, in turn, as
// often as o says. That one cannot go on is told, and the others do.
func play(ctx context.Context, o options, stage scenario.Stage) (*report, error) {
	began := time.Now()
	r := &report{Date: began, Machine: describe(stage.Dir), Skipped: map[string]string{}, scenarios: o.scenarios}
	systems := r.present(o.systems)
	var failed error
	for _, what := range o.scenarios {
		systems := systems
		if what.Systems != nil {
			systems = r.present(what.Systems)
		}
		for try := range o.tries {
			if try > 0 && try == what.Tries {
				break
			}
			for _, s := range systems {
				if ctx.Err() != nil {
					return r, ctx.Err()
				}
				if !what.Has(s) {
					continue
				}
				one := playOne(ctx, what, s, stage)
				one.Try = try + 1
				r.Results = append(r.Results, one)
				if one.Failed != "" {
					failed = errors.Join(failed, fmt.Errorf("%s of %s: %s", what.Name, s.Name, one.Failed))
				}
			}
		}
	}
	r.Seconds = time.Since(began).Seconds()
	return r, failed
}

// present returns the systems that this machine has, and notes why not the others.
func (r *report) present(all []participant.System) (systems []participant.System) {
	for _, s := range all {
		if err := s.Missing(); err != nil {
			r.Skipped[s.Name] = err.Error()
			continue
		}
		systems = append(systems, s)
		r.Systems = append(r.Systems, s.Name)
	}
	return systems
}

func playOne(ctx context.Context, what scenario.Scenario, s participant.System, stage scenario.Stage) result {
	one := result{Scenario: what.Name, System: s.Name}
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	var err error
	one.Values, err = what.Play(limited, s, stage)
	if err != nil {
		one.Failed = err.Error()
	}
	fmt.Fprintf(os.Stderr, "%6.1f s  %-10s %-20s %s\n", time.Since(began).Seconds(), one.Scenario, one.System, one.Failed)
	runtime.GC()
	return one
}

// save writes everything to file, whole or not at all; nothing when there is none.
func (r *report) save(file string) error {
	if file == "" {
		return nil
	}
	data, err := json.MarshalIndent(r, "", "\t")
	if err != nil {
		return err
	}
	if err := os.WriteFile(file+".new", append(data, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(file+".new", file)
}
