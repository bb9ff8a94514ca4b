package scenario

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"time"

	"github.com/batchain/batchain/demo/bench/figure"
	"github.com/batchain/batchain/demo/bench/work/participant"
	pool "github.com/batchain/batchain/work/exec"
)

// doer does one unit, by its input.
type doer func(input []byte) (json.RawMessage, error)

// way is one way to run a program: it starts it, and says how to end it.
type way func(ctx context.Context, dir string) (do doer, end func(), err error)

// ways are those of this scenario, which are its systems.
var ways = map[string]way{
	"native":           native,
	plainWazero:        inProcess(false),
	"WASM in a child":  child(0),
	"… with fuel":      child(1 << 50),
	"wazero, closable": inProcess(true),
	"node":             node,
}

// plainWazero is what all are measured by.
const plainWazero = "wazero"

var sandboxSystems = []participant.System{
	{Name: "native", Missing: here},
	{Name: plainWazero, Missing: here},
	{Name: "WASM in a child", Missing: here},
	{Name: "… with fuel", Missing: here},
	{Name: "wazero, closable", Missing: here},
	{Name: "node", Missing: hasNode},
}

func here() error { return nil }

func hasNode() error {
	if _, err := exec.LookPath("node"); err != nil {
		return fmt.Errorf("node is %w", participant.ErrNotHere)
	}
	return nil
}

// chores are what the program is asked for, and how much of it.
var chores = []struct {
	task  string
	count int
}{{"pi", 20_000_000}, {"sha256", 20_000}, {"json", 5_000}}

// sandbox is one program, run in one way and by wazero in this process, in turn:
// the quickest of some tries of each chore, after a small one.
func sandbox(ctx context.Context, s participant.System, in Stage) (Values, error) {
	dir, err := os.MkdirTemp(in.Dir, "sandbox-")
	if err != nil {
		return nil, err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if err := buildProgram(ctx, dir); err != nil {
		return nil, err
	}
	do, end, err := ways[s.Name](ctx, dir)
	if err != nil {
		return nil, err
	}
	defer end()
	plain, endPlain, err := ways[plainWazero](ctx, dir)
	if err != nil {
		return nil, err
	}
	defer endPlain()
	v := Values{}
	for _, c := range chores {
		count := c.count
		if in.Short {
			count /= 20
		}
		took, err := inTurn(c.task, count, do, plain)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", c.task, err)
		}
		v["sandbox_"+c.task] = milliseconds(took[0])
		v["sandbox_speed_"+c.task] = figure.Value(took[1].Seconds() / took[0].Seconds())
	}
	return v, nil
}

// inTurn has all do the same, one after the other, and again; it returns the
// quickest try of each.
func inTurn(task string, count int, all ...doer) ([]time.Duration, error) {
	const tries = 5
	best := slices.Repeat([]time.Duration{time.Hour}, len(all))
	for try := range tries + 1 {
		n := count
		if try == 0 {
			n = max(1, count/100)
		}
		for i, do := range all {
			began := time.Now()
			if _, err := do(fmt.Appendf(nil, `{"task":%q,"count":%d}`, task, n)); err != nil {
				return nil, err
			}
			if try > 0 {
				best[i] = min(best[i], time.Since(began))
			}
		}
	}
	return best, nil
}

const programPath = "github.com/batchain/batchain/demo/bench/work/program"

func buildProgram(ctx context.Context, dir string) error {
	for name, env := range map[string][]string{"native": nil, "module.wasm": {"GOOS=wasip1", "GOARCH=wasm"}} {
		build := exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(dir, name), programPath)
		build.Env = append(os.Environ(), env...)
		if out, err := build.CombinedOutput(); err != nil {
			return fmt.Errorf("%w: %.400s", err, out)
		}
	}
	return nil
}

// child is the sandbox of batchain, with a warm child; fuel 0 is not counted.
func child(fuel uint64) way {
	return func(ctx context.Context, dir string) (doer, func(), error) {
		p, err := pool.New(pool.Config{Dir: filepath.Join(dir, "pool"), Eager: true})
		if err != nil {
			return nil, nil, err
		}
		end := func() { _ = p.Close() }
		id, err := load(ctx, p, dir, fuel > 0)
		if err != nil {
			end()
			return nil, nil, err
		}
		return func(input []byte) (json.RawMessage, error) {
			r, err := p.Run(ctx, pool.Program{Module: id}, pool.Unit{Input: input, Limits: pool.Limits{Fuel: fuel}})
			return r.Data, err
		}, end, nil
	}
}

func load(ctx context.Context, p *pool.Pool, dir string, metered bool) (pool.ModuleID, error) {
	wasm, err := os.ReadFile(filepath.Join(dir, "module.wasm"))
	if err != nil {
		return pool.ModuleID{}, err
	}
	return p.Load(ctx, wasm, metered)
}
