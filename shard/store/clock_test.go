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

func TestSteadyClock(t *testing.T) {
	type reading struct {
		wall, ticks time.Duration // since the reading before
		steady      bool
	}
	const year = 365 * 24 * time.Hour
	for name, readings := range map[string][]reading{
		"in step":        {{0, 0, false}, {59 * time.Minute, 59 * time.Minute, false}, {time.Minute, time.Minute, true}, {year, year, true}},
		"slewed":         {{0, 0, false}, {time.Hour + 2*time.Second, time.Hour, true}, {time.Hour + 2*time.Second, time.Hour, true}},
		"jumps ahead":    {{0, 0, false}, {time.Hour, time.Hour, true}, {year, time.Second, false}, {59 * time.Minute, 59 * time.Minute, false}, {time.Minute, time.Minute, true}},
		"jumps back":     {{0, 0, false}, {time.Hour, time.Hour, true}, {-year, time.Second, false}, {time.Hour, time.Hour, true}},
		"there and back": {{0, 0, false}, {2 * time.Hour, 2 * time.Hour, true}, {year, time.Minute, false}, {-year, time.Minute, false}, {time.Hour, time.Hour, true}},
		"sleeps":         {{0, 0, false}, {time.Hour, time.Hour, true}, {8 * time.Hour, time.Minute, false}, {time.Hour, time.Hour, true}},
		"runs too fast":  {{0, 0, false}, {66 * time.Minute, time.Hour, false}, {66 * time.Minute, time.Hour, false}},
		"stands":         {{0, 0, false}, {0, time.Hour, false}, {0, time.Hour, false}},
	} {
		var clock steadyClock
		wall, ticks := time.Unix(1_800_000_000, 0), 17*time.Minute
		for i, r := range readings {
			wall, ticks = wall.Add(r.wall), ticks+r.ticks
			if got := clock.observe(wall, ticks); got != r.steady {
				t.Errorf("%s: reading %d is steady: %v", name, i, got)
			}
		}
	}
}
