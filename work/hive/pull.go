package hive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/batchain/batchain/work"
)

// backlog is what a source must know to be lazy.
type backlog struct {
	made   uint64
	queued uint64 // units that nobody has begun
	open   int
	over   bool
}

func (h *Hive) backlog(ctx context.Context, name string) (backlog, error) {
	return ask(ctx, h, 0, func(t *turn) (backlog, error) {
		p, err := t.named(name)
		if err != nil {
			return backlog{}, err
		}
		r := &p.row
		ended := r.Ended[0] + r.Ended[1] + r.Ended[2]
		return backlog{
			made: r.Made, open: len(p.open), over: r.Sealed || r.State > Paused,
			queued: r.Made - ended - uint64(len(p.open)),
		}, nil
	})
}

// Units are pulled when fewer than lowWater and twice those under way are left.
const lowWater = 64

// noWorkPause is how long a source has to find more after it had none.
const noWorkPause = time.Second

// pull asks the source for units ahead of the bees.
func (h *Hive) pull(ctx context.Context, name string, source Source) error {
	for {
		changed := h.chunks.wait()
		b, err := h.backlog(ctx, name)
		if err != nil || b.over {
			return err
		}
		target := uint64(max(lowWater, 2*b.open))
		if b.queued >= target {
			if err := h.pause(ctx, changed); err != nil {
				return err
			}
			continue
		}
		units, ending := h.ask(ctx, source, b.made, min(maxBatch, int(2*target-b.queued)))
		if len(units) > 0 {
			if _, err := h.Add(ctx, name, units...); err != nil {
				return err
			}
		}
		switch {
		case ending == nil:
		case errors.Is(ending, io.EOF):
			return h.Seal(ctx, name)
		case !errors.Is(ending, work.ErrNoWork):
			return ending
		default:
			if err := h.rest(ctx, noWorkPause); err != nil {
				return err
			}
		}
	}
}

// ask gets at most n units from the source, and why it got no more.
func (h *Hive) ask(ctx context.Context, source Source, first uint64, n int) (units []work.Unit, err error) {
	for size := 0; len(units) < n && size < maxBatchBytes; {
		u, err := h.next(ctx, source, first+uint64(len(units)))
		if err != nil {
			return units, err
		}
		if err := u.Validate(); err != nil {
			return units, err
		}
		u.Key = "" // a source counts its units itself
		units = append(units, u)
		size += len(u.Input)
	}
	return units, nil
}

// next has the source make a unit. One that panics, or does not return in time, made
// none; one that does not return at all is left behind.
func (h *Hive) next(ctx context.Context, source Source, n uint64) (work.Unit, error) {
	return inTime(ctx, h.cfg.JudgeTimeout, fmt.Sprintf("source at unit %d", n), func(ctx context.Context) (work.Unit, error) {
		return source.Next(ctx, n)
	})
}

func (h *Hive) rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-h.done:
		return ErrStopped
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
