package scenario

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/unit"
)

// crew and dead are how many workers there are, and die.
const crew, dead = 10, 3

// crash kills the process that keeps the queue, and three of ten workers, when a
// third of the units is done, and starts the queue again: how many units have no
// output for ever, how many have two, and how long it takes.
func crash(ctx context.Context, s participant.System, in Stage) (Values, error) {
	n, rounds := 3000, unit.Rounds(time.Millisecond)
	if s.Spawns {
		n = 600
	}
	if in.Short {
		n /= 10
	}
	patience := cmp.Or(s.Mends, 20*time.Second)
	if in.Short && patience > time.Minute {
		return nil, nil // that is too long
	}
	v := Values{}
	err := in.with(ctx, s, func(q participant.Queue, _ string) error {
		phoenix, ok := q.(participant.Phoenix)
		if !ok {
			return fmt.Errorf("%s cannot be killed", s.Name)
		}
		if err := q.Work(ctx, crew); err != nil {
			return err
		}
		if err := add(ctx, q, 0, n, rounds); err != nil {
			return err
		}
		got := newTaken(rounds)
		if err := got.take(ctx, q, n/3); err != nil {
			return err
		}
		began := time.Now()
		if err := phoenix.Kill(dead); err != nil {
			return err
		}
		if err := phoenix.Revive(ctx); err != nil {
			return err
		}
		v["crash_first"] = figure.Never
		for had := len(got.seen); len(got.seen) < n; {
			if err := got.more(ctx, q, patience); err != nil {
				break // nothing comes any more
			}
			if had < len(got.seen) && v["crash_first"] == figure.Never {
				v["crash_first"] = seconds(began)
			}
		}
		v["crash_all"] = seconds(began)
		if len(got.seen) < n {
			v["crash_all"] = figure.Never
		}
		v["crash_lost"], v["crash_again"] = figure.Value(n-len(got.seen)), figure.Value(got.again)
		return nil
	})
	return v, err
}

// more takes outputs once.
func (t *taken) more(ctx context.Context, q participant.Queue, wait time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	outputs, err := q.Take(ctx)
	if err != nil {
		return err
	}
	return t.note(outputs)
}

func seconds(began time.Time) figure.Value { return figure.Value(time.Since(began).Seconds()) }
