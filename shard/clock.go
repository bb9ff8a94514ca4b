package shard

import (
	"sync"
	"time"
)

// SteadyTime is how long the wall clock must have agreed with a clock that
// nobody sets before anything is dropped because its time has passed.
const SteadyTime = time.Hour

// ClockSlip is how far the two may come apart over that time and after: clocks
// that are being slewed gain or lose 2 s in an hour.
const ClockSlip = time.Minute

// SteadyClock tells whether the wall clock can be believed. A machine that
// wakes up, or gets its time from the network, has jumped: its clock must prove
// itself anew. The zero value has observed nothing; its methods may be called from
// any goroutine.
type SteadyClock struct {
	mu    sync.Mutex
	known bool
	wall  time.Time     // when both clocks last agreed on a beginning
	ticks time.Duration // … and the other clock then
}

// Observe compares the wall clock with ticks, the reading of a clock that nobody
// sets, and reports whether they have agreed within [ClockSlip] for [SteadyTime].
func (c *SteadyClock) Observe(wall time.Time, ticks time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall = wall.Round(0) // its monotonic reading would agree with ticks, always
	passed := ticks - c.ticks
	if apart := wall.Sub(c.wall) - passed; !c.known || apart.Abs() > ClockSlip {
		c.known, c.wall, c.ticks, passed = true, wall, ticks, 0
	}
	return passed >= SteadyTime
}

// Ticks returns a clock that begins at 0 and goes on whatever happens to the wall
// clock.
func Ticks() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
