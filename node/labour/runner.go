package labour

import (
	"context"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/hive"
)

// runner has the pool do a bee's tasks.
type runner struct {
	pool    units
	modules modules
	files   *cache
	saved   *checkpoints
}

// units is what a runner needs of a pool.
type units interface {
	Run(context.Context, exec.Program, exec.Unit) (exec.Result, error)
	Load(ctx context.Context, wasm []byte, metered bool) (exec.ModuleID, error)
}

// refusedRest is how long a task that cannot be done here is kept before it is
// given back: the hive may have no other bee to give it to.
const refusedRest = 5 * time.Second

// Run does one unit; see [bee.Runner].
func (r *runner) Run(ctx context.Context, p work.Program, input []byte, progress func(uint16)) (bee.Outcome, error) {
	unit := unitOf(p, input)
	var err error
	if unit.Files, err = r.files.paths(ctx, &p, r.modules); err != nil {
		return bee.Outcome{}, r.refuse(ctx, err)
	}
	unit.Progress = func(percent float64, _ string) { progress(uint16(10 * min(100, max(0, percent)))) }
	res, err := r.goOn(ctx, p, unit)
	switch {
	case err == nil:
		return bee.Outcome{Output: res.Data, Fuel: res.Fuel}, nil
	case ctx.Err() != nil:
		return bee.Outcome{}, context.Cause(ctx)
	case broken(err):
		return bee.Outcome{}, fmt.Errorf("%w: %w", bee.ErrBroken, err)
	}
	return bee.Outcome{}, r.refuse(ctx, err)
}

// broken reports whether the program is to blame.
func broken(err error) bool {
	var failure *exec.Failure
	return errors.As(err, &failure) && failure.Code != exec.CodeDenied && failure.Code != exec.CodeSandbox
}

// goOn does a unit from its last checkpoint on, and from its beginning when it fails so:
// what was saved may be to blame.
func (r *runner) goOn(ctx context.Context, p work.Program, unit exec.Unit) (exec.Result, error) {
	c := r.saved.of(&p, unit.Input)
	unit.Checkpoint = c.load()
	if c != nil {
		unit.Save = c.keep
	}
	res, err := r.do(ctx, p, unit)
	if broken(err) && unit.Checkpoint != nil {
		c.drop()
		unit.Checkpoint = nil
		res, err = r.do(ctx, p, unit)
	}
	if err == nil || broken(err) {
		c.drop()
	}
	c.flush()
	return res, err
}

// do has the pool do a unit, and brings it the module first if need be.
func (r *runner) do(ctx context.Context, p work.Program, unit exec.Unit) (exec.Result, error) {
	program := programOf(p)
	res, err := r.pool.Run(ctx, program, unit)
	if errors.Is(err, exec.ErrNotLoaded) {
		if err = r.load(ctx, p); err == nil {
			res, err = r.pool.Run(ctx, program, unit)
		}
	}
	return res, err
}

// refuse keeps a task for a moment and returns why it is given back.
func (r *runner) refuse(ctx context.Context, err error) error {
	timer := time.NewTimer(refusedRest)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return err
}

// load brings a module into the pool. That it is asked for twice at once costs
// one transfer more.
func (r *runner) load(ctx context.Context, p work.Program) error {
	if p.Kind != work.WASM || len(p.Module) != sha256.Size {
		return fmt.Errorf("program %s: %w", p.Name, exec.ErrNotLoaded)
	}
	wasm, err := fetch(ctx, r.modules, sumFrom(p.Module))
	if err != nil {
		return err
	}
	_, err = r.pool.Load(ctx, wasm, p.Limits.Fuel > 0)
	return err
}

// How often a module or a file is asked for, and the rest in between.
const (
	fetchTries = 3
	fetchRest  = time.Second
)

// fetch gets something from the hive; a connection may break at any time.
func fetch(ctx context.Context, from modules, hash [sha256.Size]byte) (data []byte, err error) {
	for range fetchTries {
		data, err = from.Module(ctx, hash)
		if err == nil || ctx.Err() != nil || errors.Is(err, wire.ErrNotFound) {
			return data, err
		}
		timer := time.NewTimer(fetchRest)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
		}
	}
	return nil, err
}

// programOf is a program as the pool knows it.
func programOf(p work.Program) exec.Program {
	q := exec.Program{Context: p.Context}
	if p.Kind == work.WASM && len(p.Module) == len(q.Module) {
		q.Module = exec.ModuleID(p.Module)
	} else {
		q.Command = p.Name
	}
	return q
}

// unitOf is a task as the pool knows it.
func unitOf(p work.Program, input []byte) exec.Unit {
	return exec.Unit{Input: json.RawMessage(input), Limits: exec.Limits{
		Fuel: p.Limits.Fuel, Memory: int64(p.Limits.Memory), Output: int64(p.Limits.Output), Wall: p.Limits.Wall,
	}}
}

// sumFrom is a hash out of a program, whose length was checked.
func sumFrom(hash []byte) (sum [sha256.Size]byte) {
	copy(sum[:], hash)
	return sum
}

// ownModules are the modules of the hive in this process.
type ownModules struct{ *hive.Modules }

// Module reads a module, whose hash the pool takes again.
func (m ownModules) Module(_ context.Context, hash [sha256.Size]byte) ([]byte, error) {
	f, _, err := m.Open(hash)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	wasm, err := io.ReadAll(f)
	if err == nil && sha256.Sum256(wasm) != hash {
		err = errors.New("the module is damaged")
	}
	return wasm, err
}
