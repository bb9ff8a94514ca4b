package exec

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// Pool runs units in processes of their own, and keeps those that did well for
// the next unit of the same program. Its methods may be called concurrently.
type Pool struct {
	config  Config
	cache   *cache
	slots   *semaphore.Weighted
	metrics *metrics

	mu      sync.Mutex
	idle    []*warm          // the longest unused first
	busy    map[*worker]bool // those with a unit
	resumed chan struct{}    // closed at the end of a pause; nil: there is none
	closed  bool
}

// New returns a pool. It needs to be closed.
func New(config Config) (*Pool, error) {
	if !linkedIn {
		return nil, errors.New("exec: BeChild was not called: children would run the program itself")
	}
	config = config.withDefaults()
	cache, err := openCache(filepath.Join(config.Dir, "modules"), config.Cache)
	if err != nil {
		return nil, err
	}
	if err := removeBoxes(config.Dir); err != nil {
		config.Logger.Warn("Folders of earlier workers", "err", err)
	}
	p := &Pool{
		config: config, cache: cache, metrics: newMetrics(),
		slots: semaphore.NewWeighted(int64(config.Slots)), busy: map[*worker]bool{},
	}
	return p, p.metrics.register(config.Registerer, p)
}

// Run does one unit, after waiting for a free slot. Its errors are a [Failure],
// [ErrNotLoaded], the cause of ctx, or what this machine lacks to run it.
func (p *Pool) Run(ctx context.Context, program Program, u Unit) (Result, error) {
	u.Limits = u.Limits.withDefaults()
	if err := p.check(u); err != nil {
		return Result{}, err
	}
	if err := p.slots.Acquire(ctx, 1); err != nil {
		return Result{}, context.Cause(ctx)
	}
	defer p.slots.Release(1)
	key, err := json.Marshal([]any{program, u.Limits.Memory, u.Limits.Fuel > 0})
	if err != nil {
		return Result{}, fmt.Errorf("%v: %w", program, err)
	}
	w := p.take(string(key))
	if w == nil {
		p.metrics.starts.Inc()
		if w, err = p.startFor(ctx, program, u.Limits); err != nil {
			return Result{}, fmt.Errorf("%v: %w", program, err)
		}
	}
	result, err := p.do(ctx, w, u)
	p.metrics.count(result, err)
	p.put(&warm{w, string(key), time.Now()})
	if err != nil {
		err = fmt.Errorf("%v: unit %d: %w", program, u.Seq, err)
	}
	return result, err
}

// do has a worker do a unit with its files, and leaves nothing for the next.
func (p *Pool) do(ctx context.Context, w *worker, u Unit) (result Result, err error) {
	defer func() {
		w.rest()
		if e := w.box.empty(); e != nil && w.alive() {
			w.kill()
			err = errors.Join(err, e)
		}
	}()
	if err := p.begin(ctx, w); err != nil {
		return Result{}, err
	}
	defer p.end(w)
	paths, err := w.box.fill(u.Files)
	if err != nil {
		return Result{}, err
	}
	return w.do(ctx, u, paths)
}

// Most returns the most that a unit may ask for: of memory, and of time.
func (p *Pool) Most() Limits { return Limits{Memory: p.config.Memory, Wall: p.config.Wall} }

// check refuses units that no worker is to see.
func (p *Pool) check(u Unit) error {
	if len(u.Input) > MaxInput || !json.Valid(u.Input) {
		return fail(CodeDenied, "its input is no JSON value of at most %d bytes", MaxInput)
	}
	if u.Limits.Memory > p.config.Memory {
		return fail(CodeDenied, "it may use %d bytes of memory, this machine gives %d", u.Limits.Memory, p.config.Memory)
	}
	if u.Limits.Wall > p.config.Wall {
		return fail(CodeDenied, "it may take %v, this machine gives %v", u.Limits.Wall, p.config.Wall)
	}
	return nil
}

// Close stops all workers and waits for them. Units that run end first; it does
// not wait for their callers.
func (p *Pool) Close() error {
	p.mu.Lock()
	idle, again := p.idle, p.closed
	p.idle, p.closed = nil, true
	p.mu.Unlock()
	if !again {
		p.metrics.unregister()
	}
	for _, w := range idle {
		w.close()
	}
	return nil
}
