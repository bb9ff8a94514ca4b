package labour

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/validator"
)

// validatorFile is [validator] in PROJECT.toml.
type validatorFile struct {
	Command  []string `toml:"command"`
	Module   string   `toml:"module"`
	Computes bool     `toml:"computes"`
}

// validatorSpec is who judges, as project.json keeps it.
type validatorSpec struct {
	Argv     []string `json:"argv,omitempty"` // of a program …
	Dir      string   `json:"dir,omitempty"`  // … and where it runs
	Sum      []byte   `json:"sum,omitempty"`  // SHA-256 of the module
	Computes bool     `json:"computes,omitempty"`
}

// validatorModule is the name of the module in a project's folder.
const validatorModule = "validator.wasm"

// validatorWall is how long a module may take for one workgroup: less than the hive waits.
const validatorWall = 20 * time.Second

// judge says who judges the results of a project whose rule is custom.
func (f *projectFile) judge(ctx context.Context, d *draft, at from) error {
	custom, given := d.Project.Policy.Rule == work.Custom, f.Validator
	switch {
	case given == nil && custom && d.Feed.Kind != feedSource:
		return errors.New(`rule "custom" needs a source that judges, or a validator`)
	case given == nil:
		return nil
	case !custom:
		return errors.New(`a validator needs rule = "custom"`)
	case len(given.Command) > 0 && given.Module != "":
		return errors.New("a validator is a command or a module, not both")
	}
	d.Validator = &validatorSpec{Computes: given.Computes}
	switch {
	case len(given.Command) > 0:
		d.Validator.Argv, d.Validator.Dir = given.Command, at.dir
	case given.Module != "":
		module, err := at.read(ctx, given.Module, exec.MaxModule)
		if err == nil {
			err = isModule(module, given.Module)
		}
		if err != nil {
			return err
		}
		sum := sumOf(module)
		d.validator, d.Validator.Sum = module, sum[:]
	case d.Feed.Kind != feedSource:
		return errors.New("a validator is a command or a module")
	}
	return nil
}

// validator makes the project's validator, nil when it has none. done ends it.
func (p *project) validator(execDir string, log *slog.Logger) (v work.Validator, done func() error, err error) {
	s := p.Validator
	switch {
	case s == nil || (len(s.Argv) == 0 && len(s.Sum) == 0):
		return nil, func() error { return nil }, nil
	case len(s.Argv) > 0:
		name := p.Project.Name
		c := validator.NewCommand(exec.SourceConfig{
			Argv: s.Argv, Dir: s.Dir, Context: p.Project.Program.Context, Logger: log,
			Log: func(text string) { log.Info("validator says", "project", name, "text", text) },
		}, s.Computes)
		return c, c.Close, nil
	}
	module, err := readModule(filepath.Join(p.dir, validatorModule))
	if err != nil {
		return nil, nil, err
	}
	pool, err := exec.New(exec.Config{Dir: filepath.Join(execDir, "validators", p.Project.Name), Logger: log})
	if err != nil {
		return nil, nil, err
	}
	m := &validator.Module{
		Pool: pool, Wasm: module, Context: p.Project.Program.Context, Computes: s.Computes,
		Limits: exec.Limits{Fuel: defaultFuel, Wall: validatorWall},
	}
	return m, pool.Close, nil
}
