package hive

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// Bounds of one transaction: its changes share one sync.
const (
	maxBatch      = 256
	maxBatchBytes = 1 << 20
)

// op is one change of the hive, whole or not at all. It may run twice, the
// second time on a state that was read anew.
type op struct {
	size int // bytes that it may write, about
	run  func(*turn) error
	err  error // of run: a refusal. Nothing is changed then
	done chan error
}

// ask runs a change, or a look at the state, and returns what it found once
// all of it is on the disk.
func ask[T any](ctx context.Context, h *Hive, size int, run func(*turn) (T, error)) (T, error) {
	var found, none T
	o := &op{size: size, done: make(chan error, 1)}
	o.run = func(t *turn) (err error) {
		found, err = run(t)
		return err
	}
	select {
	case h.ops <- o:
	case <-h.done:
		return none, ErrStopped
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
	select {
	case err := <-o.done:
		if err != nil {
			return none, err
		}
		return found, nil
	case <-h.done:
		return none, ErrStopped
	case <-ctx.Done():
		return none, context.Cause(ctx)
	}
}

// do is ask for changes that find nothing.
func (h *Hive) do(ctx context.Context, size int, run func(*turn) error) error {
	_, err := ask(ctx, h, size, func(t *turn) (struct{}, error) { return struct{}{}, run(t) })
	return err
}

// refusedRest is how long what is due waits after the database has refused it, as on a
// full disk.
const refusedRest = time.Second

// write carries out changes until ctx ends.
func (h *Hive) write(ctx context.Context) error {
	if err := h.finishCancels(ctx); err != nil {
		return err
	}
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		var err error
		select {
		case <-ctx.Done():
			return nil
		case first := <-h.ops:
			err = h.commit(h.gather(first))
		case <-timer.C:
			look := &op{run: (*turn).expire, done: make(chan error, 1)}
			if err = h.commit([]*op{look}); err == nil && <-look.done != nil {
				timer.Reset(refusedRest)
				continue
			}
		}
		if err != nil {
			return err
		}
		timer.Reset(h.untilDue())
	}
}

func (h *Hive) gather(first *op) []*op {
	ops, size := []*op{first}, first.size
	for len(ops) < maxBatch && size < maxBatchBytes {
		select {
		case o := <-h.ops:
			ops, size = append(ops, o), size+o.size
		default:
			return ops
		}
	}
	return ops
}

// commit carries out ops in one transaction. When that is refused, the state is
// read anew and each gets one of its own. Only a database that cannot be read
// is an error.
func (h *Hive) commit(ops []*op) error {
	err := h.apply(ops)
	if err == nil {
		for _, o := range ops {
			o.done <- o.err
		}
		return nil
	}
	if err := h.load(); err != nil {
		return err
	}
	if len(ops) == 1 {
		h.log.Warn("change refused by the database", "err", err)
		ops[0].done <- refusal(err)
		return nil
	}
	for _, o := range ops {
		if err := h.commit([]*op{o}); err != nil {
			return err
		}
	}
	return nil
}

func refusal(err error) error {
	if errors.Is(err, wire.ErrFull) {
		return err
	}
	return fmt.Errorf("%w: %w", work.ErrDatabaseGeneric, err)
}

func (h *Hive) apply(ops []*op) error {
	txn := h.db.NewTransaction(true)
	defer txn.Discard()
	t := &turn{
		Hive: h, txn: txn, now: h.now(),
		groups: map[*group]bool{}, projects: map[*project]bool{}, marks: map[reputationName]bool{},
		outputs: map[outputName][]byte{},
	}
	for _, o := range ops {
		o.err = o.run(t)
		t.settleUneasy()
		if t.err != nil {
			return t.err
		}
	}
	if err := t.flush(); err != nil {
		return err
	}
	for _, after := range t.after {
		after()
	}
	return nil
}
