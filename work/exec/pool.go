package exec

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/semaphore"
)

// MaxModule is the most bytes of a module: 64 MiB.
const MaxModule = 64 << 20

// ErrNotLoaded says that the cache does not have a module, or has it no more:
// [Pool.Load] it, and try again.
var ErrNotLoaded = errors.New("module is not loaded")

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

// warm is a worker without work.
type warm struct {
	*worker
	key   string
	since time.Time
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
		return nil, err
	}
	p := &Pool{
		config: config, cache: cache, metrics: newMetrics(),
		slots: semaphore.NewWeighted(int64(config.Slots)), busy: map[*worker]bool{},
	}
	return p, p.metrics.register(config.Registerer, p)
}

// Load checks a module, compiles it, metered or not, and keeps it in the cache,
// from which others may push it out. It fails with [ErrModule] or [ErrCompile]
// when the module is to blame. Loading what is there costs one hash.
func (p *Pool) Load(ctx context.Context, wasm []byte, metered bool) (ModuleID, error) {
	if len(wasm) > MaxModule {
		return ModuleID{}, fail(CodeModule, "%d bytes, at most %d are taken", len(wasm), MaxModule)
	}
	id := ModuleID(sha256.Sum256(wasm))
	err := p.cache.make(ctx, variant{id, metered}, wasm, func(ctx context.Context, dir string) error {
		return p.compile(ctx, compileSpec{Dir: dir, Metered: metered})
	})
	if err != nil {
		err = fmt.Errorf("load %v: %w", Program{Module: id}, err)
	}
	return id, err
}

// compile has a child compile the module in a folder.
func (p *Pool) compile(ctx context.Context, spec compileSpec) error {
	limit := patience * p.config.CompileTime
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fail(CodeCompile, "not done after %v", limit))
	defer cancel()
	p.metrics.loads.Inc()
	c := confinement{Write: []string{spec.Dir}, Memory: p.config.CompileMemory, File: maxCompiled,
		Seconds: int64(math.Ceil(p.config.CompileTime.Seconds()))}
	w, err := p.child(ctx, c, roleCompile, spec, start{patience: 2 * limit})
	switch {
	case err == nil:
		w.close()
		return nil
	case errors.Is(err, ErrMemory):
		return fail(CodeCompile, "more than %d bytes of memory", c.Memory)
	case errors.Is(err, ErrDied):
		return fail(CodeCompile, "%v", err)
	}
	return err
}

// patience is how many times longer by the wall clock than by processor time
// compiling may take: whoever compiles comes last on a busy machine.
const patience = 10

// maxCompiled bounds one file of a compiled module.
const maxCompiled = 1 << 30

// child starts a confined child of our own binary.
func (p *Pool) child(ctx context.Context, c confinement, role string, spec any, s start) (*worker, error) {
	c.Eager = p.config.Eager
	args, err := childArgs(role, spec)
	if err != nil {
		return nil, err
	}
	cmd, err := c.command(args)
	if err != nil {
		return nil, err
	}
	s.ours, s.logger = true, p.config.Logger
	return startWorker(ctx, cmd, s)
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

// startFor starts a worker for a program, in a box of its own.
func (p *Pool) startFor(ctx context.Context, program Program, limits Limits) (*worker, error) {
	b, err := newBox(p.config.Dir)
	if err != nil {
		return nil, err
	}
	w, err := p.startIn(ctx, &b, program, limits)
	if err != nil {
		err = errors.Join(err, b.remove())
	}
	return w, err
}

func (p *Pool) startIn(ctx context.Context, b *box, program Program, limits Limits) (*worker, error) {
	s := start{greeting: program.Context, box: b, logger: p.config.Logger}
	if program.Command == "" {
		dir, ok := p.cache.find(variant{program.Module, limits.Fuel > 0})
		if !ok {
			return nil, ErrNotLoaded
		}
		c := confinement{Read: []string{dir, b.in()}, Memory: limits.Memory + childMemory}
		w, err := p.child(ctx, c, roleGuest, guestSpec{Dir: dir, Files: b.in(), Metered: limits.Fuel > 0}, s)
		if errors.Is(err, ErrModule) || errors.Is(err, ErrDied) {
			// It was compiled, and is not what it was.
			err = errors.Join(ErrNotLoaded, err, p.cache.drop(variant{program.Module, limits.Fuel > 0}))
		}
		return w, err
	}
	i := slices.IndexFunc(p.config.Commands, func(c Command) bool { return c.Name == program.Command })
	if i < 0 {
		return nil, fail(CodeDenied, "no command %q is allowed here", program.Command)
	}
	c, err := p.config.Commands[i].confine(*b, limits)
	if err != nil {
		return nil, err
	}
	c.Eager = p.config.Eager
	cmd, err := c.command(p.config.Commands[i].Argv[1:])
	if err != nil {
		return nil, err
	}
	return startWorker(ctx, cmd, s)
}

// childMemory is what a child may use besides the memory of its module.
const childMemory = 1 << 30

// take returns a worker that waits for this program, or nil.
func (p *Pool) take(key string) *worker {
	for {
		w := p.pick(key)
		if w == nil {
			return nil
		}
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
