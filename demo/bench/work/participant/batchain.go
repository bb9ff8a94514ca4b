package participant

import (
	"bufio"
	"context"
	"encoding/gob"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/work"
)

// batchain returns this project's own work layer under a policy.
func batchain(name string, least int, policy work.Policy, only ...string) System {
	return System{
		Name: name, Only: only, Least: least,
		Sync:    "units, leases and results are synced before they are acknowledged, as many as have come in one go",
		Missing: func() error { return nil },
		Start: func(_ context.Context, p Place) (Queue, error) {
			port, err := freePort()
			if err != nil {
				return nil, err
			}
			h := &hiveProcess{config: hiveConfig{Dir: p.Dir, Port: port, Policy: policy, Lease: p.Lease}}
			return h, h.Revive(context.Background())
		},
	}
}

// hiveProcess is a hive in a process of its own, and its bees.
type hiveProcess struct {
	config  hiveConfig
	process *process
	orders  *gob.Encoder
	added   chan string // what became of an order: "" or why not
	outputs chan [][]byte
	bees    workers
	taken   uint64 // outputs that were taken, which come in the order of the units
}

// hiveConfig is what the role is told.
type hiveConfig struct {
	Dir    string
	Port   int
	Policy work.Policy
	Lease  time.Duration
	From   uint64 // the first result that the owner does not have
}

// hiveOrder goes to the hive: units to add.
type hiveOrder struct{ Inputs [][]byte }

// hiveReport comes from it: that an order was carried out, or outputs.
type hiveReport struct {
	Added   bool
	Trouble string
	Outputs [][]byte
}

func (h *hiveProcess) Revive(context.Context) error {
	h.config.From = h.taken
	p, err := startRole("hive", h.config)
	if err != nil {
		return err
	}
	h.process, h.orders = p, gob.NewEncoder(p.in)
	h.added, h.outputs = make(chan string, 1), make(chan [][]byte, 1<<16)
	go listen(p.out, h.added, h.outputs)
	return nil
}

// listen sorts what a hive reports, until it ends.
func listen(from *bufio.Reader, added chan<- string, outputs chan<- [][]byte) {
	defer close(added)
	defer close(outputs)
	reports := gob.NewDecoder(from)
	for {
		var r hiveReport
		if reports.Decode(&r) != nil {
			return
		}
		if r.Added {
			added <- r.Trouble
			continue
		}
		outputs <- r.Outputs
	}
}

var errEnded = errors.New("the process that keeps the queue has ended")

func (h *hiveProcess) Add(ctx context.Context, inputs [][]byte) error {
	if err := h.orders.Encode(hiveOrder{inputs}); err != nil {
		return fmt.Errorf("%w: %s", err, h.process.errs.String())
	}
	select {
	case trouble, ok := <-h.added:
		if !ok {
			return errEnded
		}
		if trouble != "" {
			return errors.New(trouble)
		}
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the hive does not answer: %w", ctx.Err())
	}
}

func (h *hiveProcess) Work(_ context.Context, n int, env ...string) error {
	return h.bees.startRoles(n, "bee", h.config, env...)
}

func (h *hiveProcess) Take(ctx context.Context) ([][]byte, error) {
	select {
	case outputs, ok := <-h.outputs:
		if !ok {
			return nil, errEnded
		}
		h.taken += uint64(len(outputs))
		return outputs, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (h *hiveProcess) Process() int { return h.process.cmd.Process.Pid }

func (h *hiveProcess) Kill(bees int) error {
	h.process.kill()
	h.bees.kill(bees)
	return nil
}

func (h *hiveProcess) Close() error {
	h.bees.stop((*process).kill)
	h.process.stop()
	return nil
}
