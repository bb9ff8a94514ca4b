package scenario

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
)

// dispatch is units that cost nothing: how many a second go from the owner over
// the queue to a worker and back, and how long one takes that is alone.
func dispatch(ctx context.Context, s participant.System, in Stage) (Values, error) {
	v := Values{}
	for _, workers := range dispatchWorkers(in) {
		if workers < s.Least {
			continue
		}
		err := in.with(ctx, s, func(q participant.Queue, _ string) error {
			if err := q.Work(ctx, workers); err != nil {
				return err
			}
			if workers == max(1, s.Least) {
				if err := alone(ctx, s, q, v); err != nil {
					return err
				}
			}
			rate, err := burst(ctx, s, q, in)
			v[fmt.Sprintf("rate_%d", workers)] = figure.Value(rate)
			return err
		})
		if err != nil {
			return nil, fmt.Errorf("%d workers: %w", workers, err)
		}
	}
	return v, nil
}

func dispatchWorkers(in Stage) []int {
	if in.Short {
		return []int{1, 2}
	}
	return []int{1, 2, 4, 8}
}

// alones is how many units go alone.
const alones = 100

// alone adds one unit after the other, each when the one before has come back.
func alone(ctx context.Context, s participant.System, q participant.Queue, v Values) error {
	took := make([]time.Duration, alones)
	if s.Spawns {
		took = took[:alones/25]
	}
	got := newTaken(1)
	for i := range took {
		began := time.Now()
		if err := add(ctx, q, i, 1, 1); err != nil {
			return err
		}
		if err := got.take(ctx, q, i+1); err != nil {
			return err
		}
		took[i] = time.Since(began)
	}
	slices.Sort(took)
	v["alone_p50"] = milliseconds(took[len(took)/2])
	v["alone_p99"] = milliseconds(took[len(took)*99/100])
	return got.honest()
}

func milliseconds(d time.Duration) figure.Value { return figure.Value(d.Microseconds()) / 1000 }

// budget is how long a burst should take.
func budget(in Stage) time.Duration {
	if in.Short {
		return time.Second / 2
	}
	return time.Second
}

// Bounds on the units of one burst.
const (
	fewUnits   = 100
	fewSpawned = 25 // where each is a process
	manyUnits  = 20_000
)

// burst hands in as many units at once as take about the budget, and returns how
// many of them a second came back, from the first one's way in on.
func burst(ctx context.Context, s participant.System, q participant.Queue, in Stage) (float64, error) {
	few := fewUnits
	if s.Spawns {
		few = fewSpawned
	}
	first, n, rate := alones, few, 0.0
	for range 2 { // to see how fast it is, and to measure
		got := newTaken(1)
		began := time.Now()
		if err := add(ctx, q, first, n, 1); err != nil {
			return 0, err
		}
		if err := got.take(ctx, q, n); err != nil {
			return 0, err
		}
		rate = float64(n) / time.Since(began).Seconds()
		if err := got.honest(); err != nil {
			return 0, err
		}
		first += n
		n = min(manyUnits, max(few, int(rate*budget(in).Seconds())))
	}
	return rate, nil
}
