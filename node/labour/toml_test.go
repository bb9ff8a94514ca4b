package labour

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/guesttest"
)

func TestMain(m *testing.M) {
	exec.BeChild()
	os.Exit(m.Run())
}

// folder makes a folder with a module, inputs, and a PROJECT.toml of this text.
func folder(t *testing.T, text string) string {
	t.Helper()
	dir := t.TempDir()
	for name, content := range map[string]string{
		ProjectFile: text, "square.wasm": string(guesttest.Square()), "inputs": "1\n\n {\"a\": 2} \n\"three\"", "broken": "1\n{",
		"large": "[" + strings.Repeat("1,", work.MaxInput/2) + "1]\n", "none.wasm": "MZ",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestProjectFile(t *testing.T) {
	d, err := readProject(t.Context(), folder(t, `
name = "all"
module = "square.wasm"
context = { k = 1, words = ["a", "b"] }
range = { from = 5, count = 25, step = 10 }
weight = 3
priority = 2
lease = "90s"
deadline = "2h"

[policy]
rule = "tolerance"
group = 5
quorum = 3
absolute = 0.5
relative = 0.25
attempts = 20
errors = 4
networks = 6
own = true
threshold = 0.99
faulty = 0.2
checks = -1.0
loose = true

[limits]
fuel = 1000
memory = "64MiB"
output = "10KiB"
wall = "5s"
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	p := d.Project
	if p.Name != "all" || p.Weight != 3 || p.Lease != 90*time.Second || p.Deadline != 2*time.Hour || d.Total != 3 {
		t.Errorf("%+v", p)
	}
	if want := (feedSpec{Kind: feedRange, Priority: 2, From: 5, Count: 25, Step: 10}); d.Feed.Kind != want.Kind || d.Feed.From != 5 || d.Feed.Priority != 2 {
		t.Errorf("feed %+v", d.Feed)
	}
	sum := sumOf(guesttest.Square())
	if p.Program.Kind != work.WASM || string(p.Program.Module) != string(sum[:]) || string(p.Program.Context) != `{"k":1,"words":["a","b"]}` {
		t.Errorf("program %+v", p.Program)
	}
	if p.Program.Limits != (work.Limits{Fuel: 1000, Memory: 64 << 20, Output: 10 << 10, Wall: 5 * time.Second}) {
		t.Errorf("limits %+v", p.Program.Limits)
	}
	if p.Policy != (work.Policy{
		Rule: work.Tolerance, GroupMax: 5, Quorum: 3, Absolute: 0.5, Relative: 0.25, Attempts: 20, Errors: 4, Networks: 6, Own: true,
		Threshold: 0.99, Faulty: 0.2, Checks: -1, Loose: true,
	}) {
		t.Errorf("policy %+v", p.Policy)
	}
}

// What is left out is the default; a module's fuel is counted, a command's not.
func TestProjectFileDefaults(t *testing.T) {
	d, err := readProject(t.Context(), folder(t, "name = 'a'\nmodule = 'square.wasm'\ncount = 7\n"), nil)
	if err != nil {
		t.Fatal(err)
	}
	if d.Total != 7 || d.Project.Policy.Rule != work.Credible || d.Project.Program.Limits.Fuel != defaultFuel || d.Project.Program.Limits.Output != work.MaxOutput {
		t.Errorf("%+v", d.spec)
	}
	d, err = readProject(t.Context(), folder(t, "name = 'a'\ncommand = 'sum'\nunits = ['x', 2, { y = true }]\n"), nil)
	if err != nil || d.Project.Program.Kind != work.Native || d.Project.Program.Name != "sum" || d.Project.Program.Limits.Fuel != 0 || d.Total != 3 {
		t.Errorf("%+v, %v", d, err)
	}
	if string(d.units) != "\"x\"\n2\n{\"y\":true}\n" {
		t.Errorf("units %q", d.units)
	}
	d, err = readProject(t.Context(), folder(t, "name = 'a'\ncommand = 'sum'\nunits = 'inputs'\n"), nil)
	if err != nil || d.Total != 3 || d.Feed.Kind != feedFile {
		t.Errorf("%+v, %v", d, err)
	}
	d, err = readProject(t.Context(), folder(t, "name = 'a'\ncommand = 'sum'\nsource = ['x']\n[policy]\nrule = 'custom'\n"), nil)
	if err != nil || d.Total != -1 || d.Project.Policy.Rule != work.Custom {
		t.Errorf("%+v, %v", d, err)
	}
}

func TestProjectFileMistakes(t *testing.T) {
	const head = "name = 'a'\nmodule = 'square.wasm'\n"
	for name, c := range map[string]struct {
		text, want string
		exit       int
	}{
		"unknown key":       {head + "count = 1\ncuont = 2\n", ProjectFile + `:4: unknown key "cuont"`, control.ExitConfig},
		"unknown inside":    {head + "count = 1\n[policy]\nquroum = 2\n", ProjectFile + `:5: unknown key "policy.quroum"`, control.ExitConfig},
		"wrong kind":        {head + "count = 'many'\n", ProjectFile + ":3: count is of another kind", control.ExitConfig},
		"no toml":           {"name = \n", ProjectFile + ":1:", control.ExitConfig},
		"duration":          {head + "count = 1\nlease = 'soon'\n", "no duration", control.ExitConfig},
		"duration, no unit": {head + "count = 1\n[limits]\nwall = 60\n", `"60" is no duration`, control.ExitConfig},
		"size":              {head + "count = 1\n[limits]\nmemory = 'much'\n", "no size", control.ExitConfig},
		"no units":          {head, "one of units, count, range, source, table and spool", control.ExitConfig},
		"units twice":       {head + "count = 1\nsource = ['x']\n", "one of units, count, range, source, table and spool", control.ExitConfig},
		"units of a number": {head + "units = 5\n", "neither the name of a file nor a list", control.ExitConfig},
		"no program":        {"name = 'a'\ncount = 1\n", "one of module and command", control.ExitConfig},
		"two programs":      {head + "command = 'x'\ncount = 1\n", "one of module and command", control.ExitConfig},
		"name":              {"name = 'A b'\nmodule = 'square.wasm'\ncount = 1\n", "a name is", control.ExitConfig},
		"rule":              {head + "count = 1\n[policy]\nrule = 'best'\n", "rule \"best\" is none of", control.ExitConfig},
		"custom":            {head + "count = 1\n[policy]\nrule = 'custom'\n", "needs a source", control.ExitConfig},
		"priority":          {head + "count = 1\npriority = 10\n", "priority 10", control.ExitConfig},
		"output":            {head + "count = 1\n[limits]\noutput = '2MiB'\n", "an output of 2097152 bytes, at most", control.ExitConfig},
		"context":           {head + "count = 1\ncontext = '" + strings.Repeat("x", work.MaxContext) + "'\n", "a context of", control.ExitConfig},
		"too many":          {head + "count = 9000000000000000\n", "at most", control.ExitConfig},
		"endless range":     {head + "range = { from = 9000000000000000000, count = 9000000000000000000, step = 9000000000000000 }\n", "", control.ExitDone},
		"bad input":         {head + "units = 'broken'\n", "broken:2:", control.ExitConfig},
		"large input":       {head + "units = 'large'\n", "large:1: an input of", control.ExitConfig},
		"no file of units":  {head + "units = 'nothing'\n", "nothing is not there", control.ExitNotFound},
		"no module":         {"name = 'a'\nmodule = 'x.wasm'\ncount = 1\n", "x.wasm is not there", control.ExitNotFound},
		"no wasm":           {"name = 'a'\nmodule = 'none.wasm'\ncount = 1\n", "no WebAssembly module", control.ExitConfig},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := readProject(t.Context(), folder(t, c.text), nil)
			var e *control.Error
			if c.exit == control.ExitDone {
				if err != nil {
					t.Error(err)
				}
				return
			}
			if !errors.As(err, &e) || e.Exit != c.exit || !strings.Contains(e.Error(), c.want) {
				t.Errorf("%v, want exit %d and %q", err, c.exit, c.want)
			}
		})
	}
}

// FuzzProject reads anything as PROJECT.toml: it is a project or an error of the
// configuration, and the same each time.
func FuzzProject(f *testing.F) {
	for _, text := range []string{
		"name = 'a'\nmodule = 'x'\ncount = 1\n", "units = [1, 'a', {n=2}]\n[policy]\nrule = 'equal'\n", "range = {from=1,count=2}\n", "[limits]\nmemory='1MiB'\nwall='1s'\n", "x = 1", "=",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseProject("p", data)
		if err != nil {
			var e *control.Error
			if !errors.As(err, &e) || e.Exit != control.ExitConfig {
				t.Fatalf("%v", err)
			}
			return
		}
		p.Module, p.Command = "", "x"
		if name, is := p.Units.(string); is && name != "" {
			p.Units = nil
		}
		d, err := p.draft(t.Context(), from{dir: t.TempDir()})
		if err != nil {
			return
		}
		if err := d.Project.Validate(); err != nil {
			t.Errorf("a project that cannot be worked on: %v", err)
		}
	})
}
