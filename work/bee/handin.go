package bee

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// handIn hands in results, those that come within a moment together, until the bee
// has ended. After ctx it goes on for a moment.
func (b *Bee) handIn(ctx context.Context) {
	for first := range b.ended {
		results := b.collect(first)
		b.submit(ctx, results)
		b.drop(results)
	}
}

// together is how long a result waits for others while the bee has more to do. A message is
// a transaction at the hive, which costs more than many a task.
const together = 250 * time.Millisecond

// collect takes what is there, and what comes soon, as much as goes into one message.
func (b *Bee) collect(first work.Result) []work.Result {
	results, size := []work.Result{first}, len(first.Output)
	late := time.NewTimer(together)
	defer late.Stop()
	for len(results) < work.MaxTasks && size < work.MaxOutput/4 {
		r, ok := b.another(len(results), late.C)
		if !ok {
			break
		}
		results = append(results, r)
		size += len(r.Output)
	}
	return results
}

// another returns one more result. It waits for it while there are more tasks to do
// than results to hand in: who runs out of tasks needs the hive.
func (b *Bee) another(have int, late <-chan time.Time) (r work.Result, ok bool) {
	select {
	case r, ok = <-b.ended:
		return r, ok
	default:
	}
	if len(b.ready) <= have {
		return r, false
	}
	select {
	case r, ok = <-b.ended:
	case <-late:
	}
	return r, ok
}

// submit hands results in until the hive has answered. That is safe to repeat.
func (b *Bee) submit(ctx context.Context, results []work.Result) {
	for pause := firstPause; ; pause = min(lastPause, 2*pause) {
		call, cancel := untilFarewell(ctx)
		verdicts, err := b.cfg.Hive.Submit(call, results)
		cancel()
		if err == nil {
			for _, verdict := range verdicts {
				if verdict != nil {
					b.log.DebugContext(ctx, "result was not taken", "err", verdict)
				}
			}
			return
		}
		b.log.DebugContext(ctx, "results not handed in", "err", err)
		if ctx.Err() != nil || final(err) {
			return
		}
		b.rest(ctx, pause/2+rand.N(pause), false)
	}
}

// untilFarewell returns a context that outlives ctx by farewell.
func untilFarewell(ctx context.Context) (context.Context, context.CancelFunc) {
	late, cancel := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.AfterFunc(farewell, cancel)
		context.AfterFunc(late, func() { timer.Stop() })
	})
	return late, func() { stop(); cancel() }
}

// final reports whether the hive would say the same to the same results again.
func final(err error) bool {
	return errors.Is(err, work.ErrNoData) || errors.Is(err, wire.ErrTooBig) || errors.Is(err, wire.ErrBadRequest)
}

// drop forgets tasks whose results are handed in.
func (b *Bee) drop(results []work.Result) {
	b.mu.Lock()
	for _, r := range results {
		delete(b.held, r.Token)
	}
	b.mu.Unlock()
	tell(b.freed)
}
