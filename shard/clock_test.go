package shard

import (
	"testing"
	"time"
)

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
		var clock SteadyClock
		wall, ticks := time.Unix(1_800_000_000, 0), 17*time.Minute
		for i, r := range readings {
			wall, ticks = wall.Add(r.wall), ticks+r.ticks
			if got := clock.Observe(wall, ticks); got != r.steady {
				t.Errorf("%s: reading %d is steady: %v", name, i, got)
			}
		}
	}
}

// To the nanosecond, and what adds up.
func TestSteadyClockAtItsBounds(t *testing.T) {
	var c SteadyClock
	wall, ticks := time.Unix(1_800_000_000, 0), time.Duration(0)
	step := func(by, jump time.Duration, want bool) {
		t.Helper()
		wall, ticks = wall.Add(by+jump), ticks+by
		if got := c.Observe(wall, ticks); got != want {
			t.Errorf("%s later, off by %s: steady is %v", by, jump, got)
		}
	}
	step(0, 0, false)
	step(SteadyTime-1, 0, false)
	step(1, 0, true)
	step(time.Hour, ClockSlip, true)
	step(time.Hour, time.Second, false) // that is over a minute, all in all
	step(SteadyTime, 0, true)
	step(time.Minute, -time.Hour, false)
	step(SteadyTime/2, 0, false)
	step(SteadyTime/2, 0, true)
}
