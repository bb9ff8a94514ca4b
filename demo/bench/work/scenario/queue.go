package scenario

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
)

// queued is how many units wait at most, and filling how long they may take.
const (
	queued  = 1_000_000
	filling = 15 * time.Second
)

// queue is a long queue: how fast it fills, how long a queue takes to start that
// was killed then, what memory it has, and how fast it is then, and later.
func queue(ctx context.Context, s participant.System, in Stage) (Values, error) {
	v := Values{}
	span := budget(in)
	err := in.with(ctx, s, func(q participant.Queue, _ string) error {
		phoenix, ok := q.(participant.Phoenix)
		if !ok {
			return fmt.Errorf("%s cannot be killed", s.Name)
		}
		n, err := fill(ctx, q, in, v)
		if err != nil {
			return err
		}
		if err := phoenix.Kill(0); err != nil {
			return err
		}
		began := time.Now()
		if err := phoenix.Revive(ctx); err != nil {
			return err
		}
		v["queue_start"] = seconds(began)
		if err := q.Work(ctx, 2); err != nil {
			return err
		}
		got := newTaken(1)
		for _, name := range []string{"queue_first", "queue_between", "queue_later"} {
			began, had := time.Now(), len(got.seen)
			if err := got.forSpan(ctx, q, span, n); err != nil {
				return err
			}
			v[name] = figure.Value(len(got.seen)-had) / seconds(began)
		}
		v["queue_memory"] = figure.Value(participant.Resident(q.Process()))
		return got.honest()
	})
	return v, err
}

// fill adds units for as long as it may.
func fill(ctx context.Context, q participant.Queue, in Stage, v Values) (n int, err error) {
	most, until := queued, time.Now().Add(filling)
	if in.Short {
		most = queued / 50
	}
	began := time.Now()
	for n < most && time.Now().Before(until) {
		if err := add(ctx, q, n, batch, 1); err != nil {
			return 0, err
		}
		n += batch
	}
	v["queue_units"], v["queue_added"] = figure.Value(n), figure.Value(n)/seconds(began)
	return n, nil
}

// forSpan takes outputs for a time, or until there are n.
func (t *taken) forSpan(ctx context.Context, q participant.Queue, span time.Duration, n int) error {
	ctx, cancel := context.WithTimeoutCause(ctx, span, errSpan)
	defer cancel()
	err := t.take(ctx, q, n)
	if errors.Is(context.Cause(ctx), errSpan) {
		return nil
	}
	return err
}

var errSpan = errors.New("the time is over")
