package catalogue

import (
	"context"
	"math/rand/v2"
	"time"
)

// How long Run waits after a try that did not bring everything to the mesh, and
// how long when there is nothing to do.
const (
	firstPause = time.Minute
	longPause  = 6 * time.Hour
	idlePause  = 24 * time.Hour
)

// Run publishes whenever something is due, until ctx ends: at once after a
// change, then with pauses that double up to 6 h while the mesh does not take
// it, and each page anew within a month.
func (c *Catalogue) Run(ctx context.Context) {
	pause := time.Duration(0)
	for {
		timer := time.NewTimer(max(c.rest(), pause/2+rand.N(pause/2+1)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-c.changed:
			timer.Stop()
			pause = 0
			continue
		case <-timer.C:
		}
		if c.rest() > 0 {
			continue // nothing was due yet, or another call was faster
		}
		if r, err := c.Publish(ctx); err != nil {
			c.log.InfoContext(ctx, "the catalogue is not on the mesh", "hosts", r.Hosts, "waiting", r.Waiting, "err", err)
		}
		if c.rest() > 0 {
			pause = 0
		} else {
			pause = min(max(2*pause, firstPause), longPause)
		}
	}
}

// rest returns how long nothing is due.
func (c *Catalogue) rest() time.Duration {
	now := c.cfg.Now()
	until := now.Add(idlePause)
	sooner := func(t time.Time) {
		if t.Before(until) {
			until = t
		}
	}
	for _, p := range c.look().Pages {
		sooner(p.due(now))
		for _, r := range p.Rows {
			sooner(r.noteDue(now))
		}
	}
	return max(0, until.Sub(now))
}
