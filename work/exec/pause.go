package exec

import (
	"context"
	"errors"
)

// Pause stops all units where they are, and those that come wait: the machine
// is wanted for something else. Their wall clock stands still. It is not to be
// had on Windows.
func (p *Pool) Pause() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumed != nil {
		return nil
	}
	p.resumed = make(chan struct{})
	return p.signal((*worker).pause)
}

// Resume lets all units go on.
func (p *Pool) Resume() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.resumed == nil {
		return nil
	}
	close(p.resumed)
	p.resumed = nil
	return p.signal((*worker).resume)
}

// signal does something to all workers that have a unit.
func (p *Pool) signal(do func(*worker) error) (err error) {
	for w := range p.busy {
		if w.alive() {
			err = errors.Join(err, do(w))
		}
	}
	return err
}

// begin counts a worker among the busy ones, once the pool is not paused.
func (p *Pool) begin(ctx context.Context, w *worker) error {
	for {
		p.mu.Lock()
		resumed := p.resumed
		if resumed == nil {
			p.busy[w] = true
		}
		p.mu.Unlock()
		if resumed == nil {
			return nil
		}
		select {
		case <-resumed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (p *Pool) end(w *worker) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.busy, w)
}

// pause stops the process and its clock.
func (w *worker) pause() error {
	w.clock.pause()
	return halt(w.cmd.Process)
}

// resume lets both go on.
func (w *worker) resume() error {
	w.clock.resume()
	return proceed(w.cmd.Process)
}

// rest stops a native command that has no unit: nobody counts the time of what it would do
// now, and its folder is about to be emptied. A guest does nothing then.
func (w *worker) rest() {
	if w.warden != nil && halt(w.cmd.Process) != nil {
		w.kill()
	}
}

// wake ends a rest.
func (w *worker) wake() {
	if w.warden != nil && proceed(w.cmd.Process) != nil {
		w.kill()
	}
}
