package keeper

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// pass is one round under way.
type pass struct {
	k      *Keeper
	began  time.Time
	looked sync.WaitGroup // files that have a slot

	mu  sync.Mutex
	err error
}

// slot is a file's place in a round. Whoever is about to do long work leaves it
// to the next file.
type slot struct {
	leave func()        // may be called again
	long  chan struct{} // where long work waits for its turn
}

// file looks at one when a slot comes free; false when ctx ended.
func (p *pass) file(ctx context.Context, name string, long chan struct{}, look func(context.Context, slot) error) bool {
	if p.k.pace.Wait(ctx) != nil {
		return false
	}
	select {
	case p.k.slots <- struct{}{}:
	case <-ctx.Done():
		return false
	}
	p.looked.Add(1)
	leave := sync.OnceFunc(func() {
		<-p.k.slots
		p.looked.Done()
	})
	p.k.files.Go(func() {
		defer leave()
		if err := look(ctx, slot{leave, long}); err != nil && ctx.Err() == nil {
			p.failed(ctx, fmt.Errorf("%s: %w", name, err))
		}
	})
	return true
}

func (p *pass) failed(ctx context.Context, err error) {
	p.k.metrics.checks.WithLabelValues("failed").Inc()
	p.k.log.WarnContext(ctx, "file could not be looked after", "err", err)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.err = errors.Join(p.err, err)
}

// charges comes to every charge that is due. Those that cannot be checked must
// not put off the others' next round: they have what is left of a round's usual
// time, those first that waited longest.
func (p *pass) charges(ctx context.Context) {
	for _, c := range p.k.due() {
		if r, _ := p.k.view(c); r.stuck(p.k.cfg.Now()) && time.Since(p.began) > interval {
			return
		}
		name := "file " + c.grant.Locator.String()
		if !p.file(ctx, name, p.k.long, func(ctx context.Context, at slot) error { return p.k.check(ctx, c, at) }) {
			return
		}
	}
}

// longWork leaves a file's slot and calls work when it is its turn.
func (at slot) longWork(ctx context.Context, work func(context.Context) error) error {
	at.leave()
	select {
	case at.long <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-at.long }()
	ctx, cancel := context.WithTimeout(ctx, longTime)
	defer cancel()
	return work(ctx)
}
