package labour

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work/exec"
)

// Trial is one unit that is done here and now, in the sandbox that bees use.
type Trial struct {
	Module  string          // path; or
	Argv    []string        // a command; those of its arguments that are files may be read
	Input   json.RawMessage // of the unit
	Context json.RawMessage // of the project; may be nil

	Progress func(percent float64, text string) // may be nil
	Log      func(text string)                  // gets what the program says for people; may be nil
}

// Try does one unit. What the program gets wrong is an error of exit code 14.
func Try(ctx context.Context, t Trial) (exec.Result, error) {
	dir, err := os.MkdirTemp("", "batchain-run-")
	if err != nil {
		return exec.Result{}, err
	}
	defer os.RemoveAll(dir)
	cfg := exec.Config{Dir: dir, Slots: 1, Eager: true}
	program := exec.Program{Context: t.Context}
	if len(t.Argv) > 0 {
		n, err := trialCommand(t.Argv)
		if err != nil {
			return exec.Result{}, err
		}
		cfg.Commands, program.Command = []exec.Command{n.command()}, n.Name
	}
	pool, err := exec.New(cfg)
	if err != nil {
		return exec.Result{}, err
	}
	defer pool.Close() // it always returns nil
	unit := exec.Unit{Input: t.Input, Progress: t.Progress, Log: t.Log}
	if program.Command == "" {
		module, err := readModule(t.Module)
		if err != nil {
			return exec.Result{}, moduleFault(err, t.Module)
		}
		if program.Module, err = pool.Load(ctx, module, true); err != nil {
			return exec.Result{}, unitFault(err)
		}
		unit.Limits.Fuel = defaultFuel
	}
	res, err := pool.Run(ctx, program, unit)
	return res, unitFault(err)
}

// trialCommand makes the arguments that are files absolute: a command runs in a
// folder of its own.
func trialCommand(argv []string) (Native, error) {
	n := Native{Name: "run"}
	for i, word := range argv {
		if _, err := os.Stat(word); err == nil && i > 0 {
			if abs, err := filepath.Abs(word); err == nil {
				word = abs
			}
		}
		n.Argv = append(n.Argv, word)
	}
	found, err := nativeOf(n.Name + "=" + n.Argv[0])
	if err != nil {
		return n, err
	}
	n.Argv[0] = found.Argv[0]
	return n, nil
}

func moduleFault(err error, path string) error {
	if errors.As(err, new(*control.Error)) {
		return err
	}
	return control.NewError(control.ExitUnit, 2, "%s cannot be run", path).Wrap(err).Because("%v", err)
}

// unitFault explains why a unit has no result.
func unitFault(err error) error {
	var f *exec.Failure
	if !errors.As(err, &f) {
		return err
	}
	e := control.NewError(control.ExitUnit, 1, "the unit failed: %s", f.Code).Wrap(err)
	why := f.Message
	if f.Reason != "" {
		why = f.Reason + ": " + why
	}
	if f.Fuel > 0 {
		why += fmt.Sprintf(" (after %d instructions)", f.Fuel)
	}
	if f.Code == exec.CodeSandbox {
		e.Try("batchain doctor")
	}
	return e.Because("%s", why)
}
