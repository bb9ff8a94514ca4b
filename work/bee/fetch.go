package bee

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/batchain/batchain/work"
)

const (
	// ahead is how much work a bee wants to have, so that it computes while it asks.
	ahead = time.Second
	// patience is how long a request waits at the hive for work.
	patience = 20 * time.Second

	firstPause = time.Second
	lastPause  = time.Minute
)

// fetch keeps the bee supplied.
func (b *Bee) fetch(ctx context.Context) {
	resume, pause := true, firstPause
	for ctx.Err() == nil {
		want := b.room()
		if want == 0 {
			select {
			case <-b.freed:
			case <-ctx.Done():
			}
			continue
		}
		batch, err := b.cfg.Hive.Request(ctx, work.Wish{
			Slots: uint16(want), Kinds: b.cfg.Kinds, Names: b.cfg.Names, Wait: patience, Resume: resume,
			Memory: b.cfg.Memory, Wall: b.cfg.Wall, Parallel: uint16(b.cfg.Slots),
		})
		switch {
		case ctx.Err() != nil:
			return
		case errors.Is(err, work.ErrPendingWork):
			b.rest(ctx, firstPause, true)
		case err != nil:
			b.log.DebugContext(ctx, "no work from the hive", "err", err)
			resume = true // there may have been tasks in an answer that was lost
			b.rest(ctx, pause/2+rand.N(pause), false)
			pause = min(lastPause, 2*pause)
		case len(batch.Tasks) == 0:
			resume, pause = false, firstPause
			b.rest(ctx, min(batch.Retry, lastPause), true)
		default:
			resume, pause = false, firstPause
			b.accept(batch, want)
		}
	}
}

// rest waits for d, or less when there is new room and that may help.
func (b *Bee) rest(ctx context.Context, d time.Duration, room bool) {
	freed := b.freed
	if !room {
		freed = nil
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-freed:
	case <-ctx.Done():
	}
}

// room is how many tasks the bee wants now: 0 while it has enough.
func (b *Bee) room() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	want := 2 * b.cfg.Slots
	if b.pace > 0 {
		want = max(want, b.cfg.Slots*int(ahead/b.pace))
	}
	want = min(want, maxHeld)
	if len(b.held) > want/2 {
		return 0
	}
	return min(work.MaxTasks, want-len(b.held))
}

// accept takes tasks up. What is malformed, or more than was asked for, is
// left.
func (b *Bee) accept(batch work.Batch, want int) {
	defer tell(b.taken)
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, got := range batch.Tasks {
		if i >= want || int(got.Program) >= len(batch.Programs) || b.held[got.Token] != nil {
			continue
		}
		t := &task{Task: got, program: batch.Programs[got.Program]}
		b.held[got.Token] = t
		b.ready <- t // it has room for all that may be held
	}
}
