package catalogue

import (
	"sync"
	"time"
)

// steadyTime is how long the wall clock must have agreed with a clock that
// nobody sets before anything is dropped by it, and clockSlip how far the two
// may come apart: clocks that are being slewed gain or lose 2 s in an hour.
const (
	steadyTime = time.Hour
	clockSlip  = time.Minute
)

// steadyClock tells whether the wall clock can be believed.
type steadyClock struct {
	mu    sync.Mutex
	known bool
	wall  time.Time     // when both clocks last agreed on a beginning
	ticks time.Duration // … and the other clock then
}

// observe compares the two clocks and reports whether they have agreed for
// [steadyTime].
func (c *steadyClock) observe(wall time.Time, ticks time.Duration) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	wall = wall.Round(0) // its monotonic reading would agree with ticks, always
	passed := ticks - c.ticks
	if apart := wall.Sub(c.wall) - passed; !c.known || apart.Abs() > clockSlip {
		c.known, c.wall, c.ticks, passed = true, wall, ticks, 0
	}
	return passed >= steadyTime
}

// ticksSinceStart is a clock that goes on whatever happens to the wall clock.
func ticksSinceStart() func() time.Duration {
	start := time.Now()
	return func() time.Duration { return time.Since(start) }
}
