package labour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

// draft is a project that was read from its file, and what belongs to it.
type draft struct {
	spec
	blobs [][]byte // what bees fetch by hash: the module, files and manifests
	units []byte   // for units.jsonl; nil: there is none

	validator []byte // a module; nil: there is none
}

// maxProjectFile bounds PROJECT.toml, maxUnitsFile the inputs beside it.
const (
	maxProjectFile = 1 << 20
	maxUnitsFile   = 1 << 30
)

// from is where the files of a project are.
type from struct {
	dir  string // of PROJECT.toml
	mesh Files  // nil: there is none
}

// readProject reads PROJECT.toml, or the one in a folder, and the files that
// it names.
func readProject(ctx context.Context, path string, mesh Files) (*draft, error) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, ProjectFile)
	}
	data, err := readFile(path, maxProjectFile)
	if err != nil {
		return nil, err
	}
	f, err := parseProject(path, data)
	if err != nil {
		return nil, err
	}
	d, err := f.draft(ctx, from{filepath.Dir(path), mesh})
	var known *control.Error
	if err != nil && !errors.As(err, &known) {
		err = control.NewError(control.ExitConfig, 33, "%s cannot be worked on", path).Wrap(err).Because("%v", err).Try("batchain help work submit")
	}
	return d, err
}

// draft brings together what the file says and what it names.
func (f *projectFile) draft(ctx context.Context, at from) (*draft, error) {
	if (f.Module == "") == (f.Command == "") {
		return nil, errors.New("one of module and command is needed, and not both")
	}
	terms, err := f.terms()
	if err != nil {
		return nil, err
	}
	d := &draft{spec: spec{Version: specVersion, Project: terms}}
	if f.Module != "" {
		module, err := at.read(ctx, f.Module, exec.MaxModule)
		if err == nil {
			err = isModule(module, f.Module)
		}
		if err != nil {
			return nil, err
		}
		d.Project.Program.Module, d.Project.Program.Name = d.blob(module), short(filepath.Base(f.Module), work.MaxName)
	}
	if err := f.files(ctx, d, at); err != nil {
		return nil, err
	}
	if err := f.feed(ctx, d, at); err != nil {
		return nil, err
	}
	switch f.Results {
	case "":
	case "mesh":
		d.Publish = true
	default:
		return nil, fmt.Errorf("results = %q is not known; \"mesh\" is", f.Results)
	}
	d.Feed.Priority = f.Priority
	d.Project = d.Project.WithDefaults()
	if f.Priority > work.MaxPriority {
		return nil, fmt.Errorf("priority %d, at most %d is allowed", f.Priority, work.MaxPriority)
	}
	if err := f.judge(ctx, d, at); err != nil {
		return nil, err
	}
	return d, d.Project.Validate()
}

// feed says where the units come from.
func (f *projectFile) feed(ctx context.Context, d *draft, at from) error {
	ways := 0
	for _, given := range []bool{f.Units != nil, f.Count != nil, f.Range != nil, len(f.Source) > 0, f.Table != nil, f.Spool != nil} {
		if given {
			ways++
		}
	}
	if ways != 1 {
		return fmt.Errorf("one of units, count, range, source, table and spool is needed, here are %d", ways)
	}
	switch {
	case f.Count != nil:
		d.Feed, d.Total = feedSpec{Kind: feedCount}, int64(*f.Count)
	case f.Range != nil:
		return f.Range.feed(d)
	case f.Table != nil:
		return f.Table.feed(ctx, d, at.dir)
	case f.Spool != nil:
		return f.Spool.feed(d, at.dir)
	case len(f.Source) > 0:
		d.Feed, d.Total = feedSpec{Kind: feedSource, Argv: f.Source, Dir: at.dir}, -1
	default:
		return f.inputs(ctx, d, at)
	}
	if d.Total > maxUnits {
		return fmt.Errorf("%d units, at most %d are taken", d.Total, int64(maxUnits))
	}
	return nil
}

// maxUnits bounds the units of one project.
const maxUnits = 1 << 40

func (r *rangeFile) feed(d *draft) error {
	if r.Step == 0 {
		r.Step = 1
	}
	units := r.Count / r.Step
	if r.Count%r.Step > 0 {
		units++
	}
	if units > maxUnits || r.From+r.Count < r.From {
		return fmt.Errorf("a range of %d units, at most %d are taken", units, int64(maxUnits))
	}
	d.Feed, d.Total = feedSpec{Kind: feedRange, From: r.From, Count: r.Count, Step: r.Step}, int64(units)
	return nil
}

// inputs takes the inputs out of a file, or out of PROJECT.toml itself.
func (f *projectFile) inputs(ctx context.Context, d *draft, at from) error {
	var lines []byte
	name := "units"
	switch units := f.Units.(type) {
	case string:
		name = units
		data, err := at.read(ctx, units, maxUnitsFile)
		if err != nil {
			return err
		}
		lines = data
	case []any:
		for _, unit := range units {
			line, err := json.Marshal(unit)
			if err != nil {
				return fmt.Errorf("units: %w", err)
			}
			lines = append(append(lines, line...), '\n')
		}
	default:
		return errors.New("units is neither the name of a file nor a list")
	}
	count, err := checkUnits(name, lines)
	if err != nil {
		return err
	}
	sum := sumOf(lines)
	d.units, d.Feed, d.Total = lines, feedSpec{Kind: feedFile, Sum: sum[:]}, count
	return nil
}

// checkUnits counts the lines that hold something, each a JSON value.
func checkUnits(name string, data []byte) (count int64, err error) {
	number := 0
	for line := range bytes.Lines(data) {
		number++
		if line = bytes.TrimSpace(line); len(line) == 0 {
			continue
		}
		if len(line) > work.MaxInput {
			return 0, fmt.Errorf("%s:%d: an input of %d bytes, at most %d are taken", name, number, len(line), work.MaxInput)
		}
		if !json.Valid(line) {
			return 0, fmt.Errorf("%s:%d: %q is no JSON value", name, number, short(string(line), 60))
		}
		count++
	}
	return count, nil
}
