package scenario

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/unit"
)

// long is how many units of a length are played.
type long struct {
	name   string
	length time.Duration
	units  int
}

var longs = []long{
	{"efficiency_1", time.Millisecond, 1500},
	{"efficiency_10", 10 * time.Millisecond, 600},
	{"efficiency_100", 100 * time.Millisecond, 40},
}

// efficiency is units that cost something, a worker a processor: how much of the
// time that they would take without a queue it is.
func efficiency(ctx context.Context, s participant.System, in Stage) (Values, error) {
	v := Values{}
	rounds := unit.Rounds(time.Millisecond)
	err := in.with(ctx, s, func(q participant.Queue, _ string) error {
		if err := q.Work(ctx, runtime.NumCPU()); err != nil {
			return err
		}
		first := 0
		for _, l := range longs {
			n, each := l.units, rounds*int(l.length/time.Millisecond)
			if in.Short || s.Spawns {
				n /= 10
			}
			if in.Short && s.Spawns {
				n /= 3
			}
			n = max(4, n)
			before := plainSpeed()
			got := newTaken(each)
			began := time.Now()
			if err := add(ctx, q, first, n, each); err != nil {
				return err
			}
			if err := got.take(ctx, q, n); err != nil {
				return err
			}
			took := time.Since(began)
			ideal := float64(n*each) / ((before + plainSpeed()) / 2)
			v[l.name] = figure.Value(100 * ideal / took.Seconds())
			if err := got.honest(); err != nil {
				return err
			}
			first += n
		}
		return nil
	})
	return v, err
}

// plainSpeed returns how many rounds a second all processors do without a queue.
func plainSpeed() float64 {
	const rounds, span = 2000, 250 * time.Millisecond
	var done atomic.Int64
	var group sync.WaitGroup
	began := time.Now()
	for range runtime.NumCPU() {
		group.Go(func() {
			for time.Since(began) < span {
				if _, err := unit.Do(unit.Input(0, rounds)); err != nil {
					panic(err) // Input makes what Do takes
				}
				done.Add(rounds)
			}
		})
	}
	group.Wait()
	return float64(done.Load()) / time.Since(began).Seconds()
}
