package hive

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
)

// Source makes the units of a project when bees are about to need them.
type Source interface {
	// Next makes unit n. It is asked in order, and never again for a unit that
	// is on the hive's disk: so the number is all that it has to remember. The
	// error is io.EOF when there are no more, and [work.ErrNoWork] when there are
	// none at the moment; any other ends [Hive.Serve].
	Next(ctx context.Context, n uint64) (work.Unit, error)
}

// Handlers are what the owner of a project does for it in this process. Each
// may be nil.
type Handlers struct {
	Source    Source
	Validator work.Validator // where the rule is Custom
	// Datachunk gets every datachunk in the order of the units, and again those
	// that were not acknowledged when the process ended. When it returns nil the
	// datachunk is acknowledged soon after; an error ends [Hive.Serve].
	Datachunk func(context.Context, work.Datachunk) error
	Consumer  string // whose cursor counts for Datachunk
}

// Serve does an owner's part of a project until the project has ended and
// every datachunk is delivered, or ctx ends, or a handler returns an error.
// At most one Serve of a project runs at a time.
func (h *Hive) Serve(ctx context.Context, name string, owner Handlers) error {
	if err := h.seat(name, owner.Validator); err != nil {
		return err
	}
	defer h.unseat(name)
	if owner.Validator != nil {
		if err := h.judgeAgain(ctx, name); err != nil {
			return fmt.Errorf("serve project %s: %w", name, err)
		}
	}
	parts, ctx := errgroup.WithContext(ctx)
	if owner.Source != nil {
		parts.Go(func() error { return h.pull(ctx, name, owner.Source) })
	}
	parts.Go(func() error { return h.deliver(ctx, name, owner) })
	if err := parts.Wait(); err != nil {
		return fmt.Errorf("serve project %s: %w", name, err)
	}
	return nil
}

// deliver hands the datachunks to their consumer.
func (h *Hive) deliver(ctx context.Context, name string, owner Handlers) error {
	if owner.Datachunk == nil {
		return h.waitForEnd(ctx, name)
	}
	next, err := h.Cursor(ctx, name, owner.Consumer)
	if err != nil {
		return err
	}
	var reached atomic.Uint64
	reached.Store(next)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	news := make(chan struct{}, 1)
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error { return h.acknowledge(ctx, name, owner.Consumer, &reached, news) })
	parts.Go(func() error {
		defer close(news)
		for c, err := range h.Datachunks(ctx, name, next) {
			if err != nil {
				return err
			}
			if err := owner.Datachunk(ctx, c); err != nil {
				return fmt.Errorf("datachunk %d: %w", c.Seq, err)
			}
			reached.Store(c.Seq + 1)
			select {
			case news <- struct{}{}:
			default: // it will see this one, too
			}
		}
		return nil
	})
	return parts.Wait()
}

// acknowledge moves the cursor behind the consumer, many datachunks at once when
// it is fast.
func (h *Hive) acknowledge(ctx context.Context, name, consumer string, reached *atomic.Uint64, news <-chan struct{}) error {
	done := reached.Load()
	for range news {
		if to := reached.Load(); to > done {
			if err := h.Acknowledge(ctx, name, consumer, to); err != nil {
				return err
			}
			done = to
		}
	}
	if to := reached.Load(); to > done && ctx.Err() == nil {
		return h.Acknowledge(ctx, name, consumer, to)
	}
	return nil
}

func (h *Hive) waitForEnd(ctx context.Context, name string) error {
	for {
		changed := h.chunks.wait()
		s, err := h.Show(ctx, name)
		if err != nil || s.State > Paused {
			return err
		}
		if err := h.pause(ctx, changed); err != nil {
			return err
		}
	}
}
