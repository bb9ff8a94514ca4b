package bee

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/work"
)

// execute is one slot: it executes tasks until ctx ends.
func (b *Bee) execute(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		default:
		}
		select {
		case <-ctx.Done():
			return
		case t := <-b.ready:
			b.ended <- b.run(ctx, t)
		}
	}
}

func (b *Bee) run(ctx context.Context, t *task) work.Result {
	result := work.Result{Token: t.Token, Status: work.GivenUp}
	limit := t.Limit
	if limit <= 0 {
		limit = 24 * time.Hour
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	b.mu.Lock()
	t.cancel = cancel
	stopped := t.stopped
	b.mu.Unlock()
	if stopped || ctx.Err() != nil {
		return result
	}
	began := time.Now()
	outcome, err := b.call(ctx, t)
	b.took(time.Since(began))
	switch {
	case ctx.Err() != nil:
	case errors.Is(err, ErrBroken):
		result.Status, result.Text = work.Broken, err.Error()
	case err != nil:
		b.log.WarnContext(ctx, "task given back", "err", err)
	case len(outcome.Output) > work.MaxOutput:
		result.Status, result.Text = work.Broken, fmt.Sprintf("it made %d bytes, at most %d are allowed", len(outcome.Output), work.MaxOutput)
	default:
		result.Status, result.Output, result.Fuel = work.Done, outcome.Output, outcome.Fuel
	}
	return result
}

// call runs the program. A panic is the runner's, for Inline programs the
// program's own.
func (b *Bee) call(ctx context.Context, t *task) (outcome Outcome, err error) {
	defer func() {
		if p := recover(); p != nil {
			b.log.ErrorContext(ctx, "runner panicked", "panic", p)
			err = fmt.Errorf("%w: it panicked", ErrBroken)
		}
	}()
	return b.cfg.Runner.Run(ctx, t.program, t.Input, func(thousandths uint16) {
		t.progress.Store(uint32(min(thousandths, 1000)))
	})
}

// took remembers how long tasks take.
func (b *Bee) took(d time.Duration) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.pace = max(time.Microsecond, b.pace+(d-b.pace)/8)
}
