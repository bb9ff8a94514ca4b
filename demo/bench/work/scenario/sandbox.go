package scenario

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"time"

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
	"WASM in a child":  child(0),
	"… with fuel":      child(1 << 50),
	"wazero, closable": closable,
}

var sandboxSystems = []participant.System{
	{Name: "native", Missing: here},
	{Name: "WASM in a child", Missing: here},
	{Name: "… with fuel", Missing: here},
	{Name: "wazero, closable", Missing: here},
}

func here() error { return nil }

// chores are what the program is asked for, and how much of it.
var chores = []struct {
	task  string
	count int
}{{"pi", 20_000_000}, {"sha256", 20_000}, {"json", 5_000}}

// sandbox is one program, run in one way: the quickest of three tries of each
// chore, after a small one.
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
	v := Values{}
	for _, c := range chores {
		count, best := c.count, time.Hour
		if in.Short {
			count /= 20
		}
		for _, n := range []int{count / 100, count, count, count} {
			began := time.Now()
			if _, err := do(fmt.Appendf(nil, `{"task":%q,"count":%d}`, c.task, n)); err != nil {
				return nil, fmt.Errorf("%s: %w", c.task, err)
			}
			if n == count {
				best = min(best, time.Since(began))
			}
		}
		v["sandbox_"+c.task] = milliseconds(best)
	}
	return v, nil
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

func native(_ context.Context, dir string) (doer, func(), error) {
	return process(exec.Command(filepath.Join(dir, "native")))
}

// process speaks the line protocol with a process.
func process(cmd *exec.Cmd) (doer, func(), error) {
	theirs, in, err := os.Pipe()
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = theirs.Close() }()
	cmd.Stdin, cmd.Stderr = theirs, os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, nil, err
	}
	if err := cmd.Start(); err != nil {
		_ = in.Close()
		return nil, nil, err
	}
	end := func() {
		_ = in.Close()
		_ = cmd.Process.Kill()
		_ = cmd.Wait() // its end is what was asked for
	}
	return talk(in, out), end, nil
}

var errAnswer = errors.New("the program answered with something else")

// talk returns what does units by the line protocol.
func talk(in io.Writer, out io.Reader) doer {
	lines := json.NewDecoder(bufio.NewReader(out))
	greeted, id := false, 0
	return func(input []byte) (json.RawMessage, error) {
		var answer struct {
			Type string
			Data json.RawMessage
		}
		if !greeted {
			greeted = true
			if _, err := fmt.Fprintln(in, `{"type":"hello","proto":1}`); err != nil {
				return nil, err
			}
			if err := lines.Decode(&answer); err != nil {
				return nil, err
			}
		}
		id++
		if _, err := fmt.Fprintf(in, `{"type":"work","id":%d,"input":%s}`+"\n", id, input); err != nil {
			return nil, err
		}
		if err := lines.Decode(&answer); err != nil {
			return nil, err
		}
		if answer.Type != "result" {
			return nil, fmt.Errorf("%w: %q", errAnswer, answer.Type)
		}
		return answer.Data, nil
	}
}
