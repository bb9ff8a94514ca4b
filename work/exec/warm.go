package exec

import (
	"slices"
	"time"
)

// warm is a worker without work.
type warm struct {
	*worker
	key   string
	since time.Time
}

// take returns a worker that waits for this program, or nil.
func (p *Pool) take(key string) *worker {
	for {
		w := p.pick(key)
		if w == nil {
			return nil
		}
		w.wake()
		if w.alive() && (time.Since(w.since) < sleepTime || w.answers()) {
			return w.worker
		}
	}
}

// sleepTime is how long a worker may be without work until it is asked whether
// it is there still.
const sleepTime = 10 * time.Second

// pick takes the worker for a program that was used last out of the idle ones.
func (p *Pool) pick(key string) *warm {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i, w := range slices.Backward(p.idle) {
		if w.key == key {
			p.idle = slices.Delete(p.idle, i, i+1)
			return w
		}
	}
	return nil
}

// put keeps a worker for the next unit, in place of the one longest unused.
func (p *Pool) put(w *warm) {
	p.mu.Lock()
	var surplus *warm
	switch {
	case p.closed:
		surplus = w
	case !w.alive():
	default:
		p.idle = append(p.idle, w)
		if len(p.idle) > p.config.Slots {
			surplus, p.idle = p.idle[0], p.idle[1:]
		}
	}
	p.mu.Unlock()
	if surplus != nil {
		surplus.close()
	}
}
