package store

import (
	"context"
	"sync/atomic"
	"testing"
	"time"
)

// testClock runs ahead of the real one, and so does its fellow, which nobody
// sets, unless the clock jumps.
type testClock struct{ passed, jumped atomic.Int64 }

func (c *testClock) pass(d time.Duration) { c.passed.Add(int64(d)) }
func (c *testClock) jump(d time.Duration) { c.jumped.Add(int64(d)) }
func (c *testClock) now() time.Time {
	return time.Now().Add(time.Duration(c.passed.Load() + c.jumped.Load()))
}

func (c *testClock) use(s *Store) {
	start := time.Now()
	s.now = c.now
	s.ticks = func() time.Duration { return time.Since(start) + time.Duration(c.passed.Load()) }
	s.pause = func(ctx context.Context, d time.Duration) error {
		if d > expirePace {
			return pauseFor(ctx, d) // some loop waits for its next round
		}
		return ctx.Err()
	}
}

func mustExpire(t testing.TB, s *Store) {
	t.Helper()
	if err := s.expire(context.Background()); err != nil {
		t.Fatal(err)
	}
}
