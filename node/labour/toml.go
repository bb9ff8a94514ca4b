package labour

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/pelletier/go-toml/v2"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
)

// ProjectFile is the name of the file that says what a project is.
const ProjectFile = "PROJECT.toml"

// ProjectHelp describes the keys of PROJECT.toml.
const ProjectHelp = `PROJECT.toml says what a project is. Paths are relative to its folder; an unknown key is an error.

  name = "pi"              1 to 64 of a-z, 0-9 and ._-, unique on this node
  module = "pi.wasm"       what does a unit: a WASI module, or
  command = "sum"          a command that volunteers allow by that name
  context = { k = 1 }      any value; every worker is told it
  results = "mesh"         when all units have ended, the results become a file of the mesh: NAME.jsonl

The units, by one of these:
  units = "units.jsonl"    a file with one input a line, each a JSON value
  units = [1, "a", {n=2}]  the inputs themselves
  count = 100              the inputs 0 to 99
  range = { from = 0, count = 1000, step = 100 }   the inputs {"from":0,"count":100} and so on
  source = ["python3", "source.py"]   a program that makes them, see work/exec/PROTOCOL.md; it gets the results,
                           and judges them with rule = "custom"
  [table] or [spool]       rows of a database, or files in a folder: below

A module, a file of units and the files below may be files of the mesh: "mesh:REF". Volunteers get what reads them.

[files]                    what every worker may read, by the name it finds it under
  map = "map.png"          a file of this machine, up to 64 MiB, or
  sky = "mesh:sky.tar"     one of the mesh, up to 1 GiB

How much of the volunteers it gets, and how long a unit may take:
  weight = 1               its share, relative to other projects of this node
  priority = 0             of its units, to 9
  lease = "60s"            silence after which a unit is given to another volunteer too
  deadline = "24h"         for one attempt

[policy]                   when a result is believed
  rule = "credible"        credible, equal, majority, quorum, tolerance, mean, median or custom
  group = 10               results that equal, majority, mean, median and custom take
  quorum = 2               results that agree, for quorum and tolerance
  absolute = 0.0           how far numbers may differ, for tolerance
  relative = 1e-9
  attempts = 32            at one unit, before it fails
  errors = 3               volunteers in which the program fails, before the unit fails
  networks = 2             volunteers of one unit from one /24 or /48
  own = false              this node's own bee counts
  threshold = 0.999        probability at which credible believes
  faulty = 0.1             share of volunteers that may cheat
  checks = 0.05            share of spot checks; below 0: none
  loose = false            fuel need not be the same

[table]                    rows are units and get their results; go doc ./work/table says which columns
  driver = "postgres"      or "sqlite"
  database = "postgres://user@host/db"   an address as libpq knows it; of sqlite, the path of the file
  name = "jobs"            the table, of postgres also "schema.jobs"
  once = false             the project ends when no row is left; otherwise it waits for more
  columns = { id = "id", input = "input", priority = "rank" }   other names than the usual ones

[spool]                    files that are dropped in DIR/in are units; go doc ./work/spool
  dir = "spool"            results come into DIR/done, what fails into DIR/failed
  once = false
  settle = "2s"            a file that was written in place is taken when it has not changed so long

[validator]                judges, with rule = "custom"; see work/exec/PROTOCOL.md
  command = ["python3", "judge.py"]   a program of this machine, or
  module = "judge.wasm"    a module, in the sandbox
  computes = false         true: it may name a value that no volunteer gave

[limits]                   of one unit
  fuel = 1000000000000     instructions of a module; 0: not counted
  memory = "256MiB"
  output = "1008KiB"
  wall = "1m"
`

// projectFile is PROJECT.toml.
type projectFile struct {
	Name      string            `toml:"name"`
	Module    string            `toml:"module"`
	Command   string            `toml:"command"`
	Context   any               `toml:"context"`
	Results   string            `toml:"results"`
	Files     map[string]string `toml:"files"`
	Units     any               `toml:"units"`
	Count     *uint64           `toml:"count"`
	Range     *rangeFile        `toml:"range"`
	Source    []string          `toml:"source"`
	Weight    uint32            `toml:"weight"`
	Priority  uint8             `toml:"priority"`
	Lease     span              `toml:"lease"`
	Deadline  span              `toml:"deadline"`
	Table     *tableFile        `toml:"table"`
	Spool     *spoolFile        `toml:"spool"`
	Validator *validatorFile    `toml:"validator"`
	Policy    policyFile        `toml:"policy"`
	Limits    limitsFile        `toml:"limits"`
}

type rangeFile struct {
	From  uint64 `toml:"from"`
	Count uint64 `toml:"count"`
	Step  uint64 `toml:"step"`
}

type policyFile struct {
	Rule      string  `toml:"rule"`
	Group     uint16  `toml:"group"`
	Quorum    uint16  `toml:"quorum"`
	Absolute  float64 `toml:"absolute"`
	Relative  float64 `toml:"relative"`
	Attempts  uint16  `toml:"attempts"`
	Errors    uint16  `toml:"errors"`
	Networks  uint16  `toml:"networks"`
	Own       bool    `toml:"own"`
	Threshold float64 `toml:"threshold"`
	Faulty    float64 `toml:"faulty"`
	Checks    float64 `toml:"checks"`
	Loose     bool    `toml:"loose"`
}

type limitsFile struct {
	Fuel   *uint64 `toml:"fuel"`
	Memory size    `toml:"memory"`
	Output size    `toml:"output"`
	Wall   span    `toml:"wall"`
}

// span is a duration, written 90s or 24h. It is no number, so that one without a unit is an
// error: 60 would be nanoseconds.
type span struct{ time.Duration }

// UnmarshalText parses it.
func (s *span) UnmarshalText(text []byte) error {
	d, err := time.ParseDuration(string(text))
	if err != nil {
		return fmt.Errorf("%q is no duration such as 90s or 24h", text)
	}
	s.Duration = d
	return nil
}

// MarshalText writes it.
func (s span) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// size is a number of bytes, written 256MiB.
type size uint64

// UnmarshalText parses it. A number without a unit is bytes.
func (s *size) UnmarshalText(text []byte) error {
	n, err := humanize.ParseBytes(string(text))
	if err != nil {
		return fmt.Errorf("%q is no size such as 256MiB", text)
	}
	*s = size(n)
	return nil
}

// defaultFuel is how many instructions a unit may take when nobody says so:
// some minutes.
const defaultFuel = 1_000_000_000_000

// goTypes is what the parser says of this program's own types.
var goTypes = regexp.MustCompile(` into (?:a value|(?:struct field \S+)) of type \S+`)

// parseProject reads a file. Its errors have the line.
func parseProject(path string, data []byte) (projectFile, error) {
	var f projectFile
	err := toml.NewDecoder(bytes.NewReader(data)).DisallowUnknownFields().Decode(&f)
	var unknown *toml.StrictMissingError
	var wrong *toml.DecodeError
	what := err
	switch {
	case err == nil:
		return f, nil
	case errors.As(err, &unknown) && len(unknown.Errors) > 0:
		wrong = &unknown.Errors[0]
		what = fmt.Errorf("unknown key %q", strings.Join(wrong.Key(), "."))
	case errors.As(err, &wrong):
		if key := strings.Join(wrong.Key(), "."); key != "" && strings.Contains(what.Error(), "cannot decode") {
			what = fmt.Errorf("%s is of another kind than it can be", key)
		}
	default:
		return f, control.NewError(control.ExitConfig, 32, "%s: %w", path, err)
	}
	line, _ := wrong.Position()
	return f, control.NewError(control.ExitConfig, 32, "%s:%d: %w", path, line, what).
		Because("%s", goTypes.ReplaceAllString(wrong.String(), "")).Try("batchain help work submit")
}

// terms returns what the hive is told; the module is the caller's.
func (f *projectFile) terms() (work.Project, error) {
	rule, err := ruleOf(f.Policy.Rule)
	if err != nil {
		return work.Project{}, err
	}
	p := work.Project{
		Name: f.Name, Weight: f.Weight, Lease: f.Lease.Duration, Deadline: f.Deadline.Duration,
		Program: work.Program{Kind: work.WASM, Name: f.Module, Limits: f.Limits.limits()},
		Policy: work.Policy{
			Rule: rule, GroupMax: f.Policy.Group, Quorum: f.Policy.Quorum, Absolute: f.Policy.Absolute, Relative: f.Policy.Relative,
			Attempts: f.Policy.Attempts, Errors: f.Policy.Errors, Networks: f.Policy.Networks, Own: f.Policy.Own,
			Threshold: f.Policy.Threshold, Faulty: f.Policy.Faulty, Checks: f.Policy.Checks, Loose: f.Policy.Loose,
		},
	}
	if f.Command != "" {
		p.Program.Kind, p.Program.Name, p.Program.Limits.Fuel = work.Native, f.Command, 0
	}
	if f.Context != nil {
		if p.Program.Context, err = json.Marshal(f.Context); err != nil {
			return p, fmt.Errorf("context: %w", err)
		}
	}
	return p, nil
}

func (l *limitsFile) limits() work.Limits {
	w := work.Limits{Fuel: defaultFuel, Memory: uint64(l.Memory), Output: work.MaxOutput, Wall: l.Wall.Duration}
	if l.Fuel != nil {
		w.Fuel = *l.Fuel
	}
	if l.Output > 0 {
		w.Output = uint32(min(l.Output, 1<<32-1)) // what is too much is told with the rest
	}
	return w
}

// rules are the names of the rules, from the first on.
var rules = []string{"credible", "equal", "majority", "quorum", "tolerance", "mean", "median", "custom"}

func ruleOf(name string) (work.Rule, error) {
	for i, known := range rules {
		if name == known || name == "" {
			return work.Rule(i + 1), nil
		}
	}
	return 0, fmt.Errorf("policy: rule %q is none of %s", name, strings.Join(rules, ", "))
}

func ruleName(r work.Rule) string {
	if r < 1 || int(r) > len(rules) {
		return "unknown"
	}
	return rules[r-1]
}
