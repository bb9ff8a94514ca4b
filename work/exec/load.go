package exec

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math"
)

// MaxModule is the most bytes of a module: 64 MiB.
const MaxModule = 64 << 20

// ErrNotLoaded says that the cache does not have a module, or has it no more:
// [Pool.Load] it, and try again.
var ErrNotLoaded = errors.New("module is not loaded")

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
