package labour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/exec"
)

// machine is a pool that does units as a function says.
type machine func(context.Context, exec.Unit) (exec.Result, error)

func (m machine) Run(ctx context.Context, _ exec.Program, u exec.Unit) (exec.Result, error) {
	return m(ctx, u)
}

func (machine) Load(context.Context, []byte, bool) (exec.ModuleID, error) {
	return exec.ModuleID{}, errors.New("nothing is to be loaded")
}

func savedIn(dir string) *checkpoints {
	return &checkpoints{dir: dir, log: slog.New(slog.DiscardHandler)}
}

var adds = work.Program{Kind: work.Native, Name: "add"}

// do has a runner of a node that has just started do a unit by m.
func do(ctx context.Context, dir string, p work.Program, input string, m machine) (string, error) {
	r := runner{pool: m, files: &cache{dir: dir}, saved: savedIn(dir)}
	out, err := r.Run(ctx, p, []byte(input), func(uint16) {})
	return string(out.Output), err
}

// interrupted does a unit that saves and does not come to its end.
func interrupted(t *testing.T, dir string, p work.Program, input, save string) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	_, err := do(ctx, dir, p, input, func(ctx context.Context, u exec.Unit) (exec.Result, error) {
		if u.Save != nil {
			u.Save(json.RawMessage(`"older"`))
			u.Save(json.RawMessage(save))
		}
		cancel()
		return exec.Result{}, context.Cause(ctx)
	})
	if !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
}

// begun returns the checkpoint that a unit begins with, and finishes it.
func begun(t *testing.T, dir string, p work.Program, input string) (from string) {
	t.Helper()
	_, err := do(t.Context(), dir, p, input, func(_ context.Context, u exec.Unit) (exec.Result, error) {
		from = string(u.Checkpoint)
		return exec.Result{Data: []byte("1")}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return from
}

// A unit goes on where it was, in the next life of the node, until it is done; no other unit
// does.
func TestUnitsGoOn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "checkpoints")
	interrupted(t, dir, adds, "7", "[3]")
	other, counted := adds, adds
	other.Context, counted.Limits.Fuel = []byte("1"), 1e9
	interrupted(t, dir, counted, "7", "[4]")
	for _, step := range []struct {
		program     work.Program
		input, want string
	}{{other, "7", ""}, {adds, "8", ""}, {counted, "7", ""}, {adds, "7", "[3]"}, {adds, "7", ""}} {
		if from := begun(t, dir, step.program, step.input); from != step.want {
			t.Errorf("%+v with input %s began from %q, want %q", step.program, step.input, from, step.want)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// A unit that fails when it goes on is done once more from its beginning, and has failed
// only if it fails then, too.
func TestCheckpointMayBeToBlame(t *testing.T) {
	dir := t.TempDir()
	for name, healed := range map[string]bool{"by the checkpoint": true, "anyway": false} {
		interrupted(t, dir, adds, "7", "[3]")
		runs := 0
		_, err := do(t.Context(), dir, adds, "7", func(_ context.Context, u exec.Unit) (exec.Result, error) {
			if runs++; u.Checkpoint == nil && healed {
				return exec.Result{Data: []byte("1")}, nil
			}
			return exec.Result{}, &exec.Failure{Code: exec.CodeExit}
		})
		if runs != 2 || errors.Is(err, bee.ErrBroken) == healed {
			t.Errorf("it fails %s: %d runs, %v", name, runs, err)
		}
		if from := begun(t, dir, adds, "7"); from != "" {
			t.Errorf("it fails %s, and goes on from %s", name, from)
		}
	}
}

// What is on the disk is whole or as good as nothing, and not more than 64 units.
func TestCheckpointsOnDisk(t *testing.T) {
	dir := t.TempDir()
	interrupted(t, dir, adds, "0", "[3]")
	name := savedIn(dir).of(&adds, []byte("0")).path
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	for cut, damaged := range map[string][]byte{"cut": data[:len(data)-1], "empty": nil, "changed": append(data[:len(data)-2:len(data)-2], "4]"...)} {
		if err := os.WriteFile(name, damaged, 0o600); err != nil {
			t.Fatal(err)
		}
		if from := begun(t, dir, adds, "0"); from != "" {
			t.Errorf("%s: it began from %s", cut, from)
		}
	}
	for k := range maxSaved + 3 {
		input := fmt.Sprint(k)
		interrupted(t, dir, adds, input, "[3]")
		then := time.Unix(int64(1e9+k), 0)
		if err := os.Chtimes(savedIn(dir).of(&adds, []byte(input)).path, then, then); err != nil {
			t.Fatal(err)
		}
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) != maxSaved {
		t.Errorf("%d are kept, %v", len(left), err)
	}
	if first, last := begun(t, dir, adds, "2"), begun(t, dir, adds, "3"); first != "" || last != "[3]" {
		t.Errorf("the oldest but two began from %q, the next from %q", first, last)
	}
}

// The disk is written seldom: what comes soon after another one waits for the end.
func TestCheckpointsAreWrittenSeldom(t *testing.T) {
	c := savedIn(t.TempDir()).of(&adds, nil)
	saved := func() string { return string(c.load()) }
	c.keep(json.RawMessage("[1]"))
	if got := saved(); got != "" {
		t.Errorf("at once there was %s", got)
	}
	c.written = time.Now().Add(-saveEvery)
	c.keep(json.RawMessage("[2]"))
	c.keep(json.RawMessage("[3]"))
	if got := saved(); got != "[2]" {
		t.Errorf("after %v there was %q", saveEvery, got)
	}
	c.flush()
	if got := saved(); got != "[3]" {
		t.Errorf("at the end there was %q", got)
	}
}
