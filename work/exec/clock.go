package exec

import (
	"sync"
	"time"
)

// clock ends a unit after its time, in which pauses do not count.
type clock struct {
	mu     sync.Mutex
	timer  *time.Timer // nil: no unit, or it stands still
	expire func()
	left   time.Duration
	began  time.Time
	still  bool
}

// start has expire called after left, and returns what prevents it.
func (c *clock) start(left time.Duration, expire func()) (stop func()) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.left, c.expire = left, expire
	c.run()
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.halt()
		c.expire = nil
	}
}

// pause stops the clock, until resume.
func (c *clock) pause() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.halt()
	c.still = true
}

func (c *clock) resume() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.still = false
	c.run()
}

func (c *clock) run() {
	if c.timer == nil && c.expire != nil && !c.still {
		c.began = time.Now()
		c.timer = time.AfterFunc(c.left, c.expire)
	}
}

func (c *clock) halt() {
	if c.timer != nil {
		c.timer.Stop()
		c.timer = nil
		c.left -= time.Since(c.began)
	}
}
