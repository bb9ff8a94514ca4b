package labour

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

// specVersion is the version of project.json.
const specVersion = 1

// The names in a project's folder.
const (
	specFile  = "project.json"
	unitsFile = "units.jsonl"
)

// spec is a project as its folder keeps it.
type spec struct {
	Version int          `json:"version"`
	Project work.Project `json:"project"`
	Total   int64        `json:"total"` // units; -1: not known
	Feed    feedSpec     `json:"feed"`
	Publish bool         `json:"publish,omitempty"` // the results become a file of the mesh

	Validator *validatorSpec `json:"validator,omitempty"`
}

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
		return nil, errors.New("one of module and command is needed")
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
		return errors.New("one of units, count, range, source, table and spool is needed")
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

// wasmMagic is what a module begins with.
const wasmMagic = "\x00asm"

// isModule refuses what is none at first sight.
func isModule(data []byte, name string) error {
	if !bytes.HasPrefix(data, []byte(wasmMagic)) {
		return fmt.Errorf("%s is no WebAssembly module", name)
	}
	return nil
}

func readModule(path string) ([]byte, error) {
	module, err := readFile(path, exec.MaxModule)
	if err == nil {
		err = isModule(module, path)
	}
	return module, err
}

// readFile reads a file of at most so many bytes.
func readFile(path string, most int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, fileFault(err, path)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, most+1))
	if err == nil && int64(len(data)) > most {
		err = fmt.Errorf("%s has more than %d bytes", path, most)
	}
	return data, err
}

func fileFault(err error, path string) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return control.NewError(control.ExitNotFound, 31, "%s is not there", path).Wrap(err)
	case errors.Is(err, fs.ErrPermission):
		return control.NewError(control.ExitPermission, 31, "%s may not be read", path).Wrap(err)
	}
	return err
}

// save makes the project's folder, as a whole or not at all.
func (d *draft) save(dir string) error {
	data, err := json.MarshalIndent(d.spec, "", "  ")
	if err != nil {
		return err
	}
	parent := filepath.Dir(dir)
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return err
	}
	temp, err := os.MkdirTemp(parent, newPrefix)
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) // gone already when all went well
	if d.units != nil {
		if err := disk.WriteFile(filepath.Join(temp, unitsFile), d.units, 0o600); err != nil {
			return err
		}
	}
	if d.validator != nil {
		if err := disk.WriteFile(filepath.Join(temp, validatorModule), d.validator, 0o600); err != nil {
			return err
		}
	}
	if err := disk.WriteFile(filepath.Join(temp, specFile), data, 0o600); err != nil {
		return err
	}
	if err := os.Rename(temp, dir); err != nil {
		return err
	}
	return disk.SyncFolder(parent)
}

// newPrefix begins the names of folders that are being made.
const newPrefix = ".new-"

// loadProjects reads the folders of all projects, and removes what a killed
// node left of one. One that cannot be read is told of and left alone.
func (l *Labour) loadProjects() ([]*project, error) {
	entries, err := os.ReadDir(l.projectsDir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("projects: %w", err)
	}
	var all []*project
	for _, entry := range entries {
		dir := filepath.Join(l.projectsDir(), entry.Name())
		if strings.HasPrefix(entry.Name(), newPrefix) {
			if err := os.RemoveAll(dir); err != nil {
				l.log.Warn("a project that was never made is not removed", "err", err)
			}
			continue
		}
		s, err := loadSpec(dir)
		if err != nil {
			l.log.Error("project is not taken up", "folder", dir, "err", err)
			continue
		}
		all = append(all, &project{spec: s, dir: dir})
	}
	return all, nil
}

func loadSpec(dir string) (spec, error) {
	data, err := os.ReadFile(filepath.Join(dir, specFile))
	if err != nil {
		return spec{}, fmt.Errorf("project: %w", err)
	}
	var s spec
	if err := json.Unmarshal(data, &s); err != nil {
		return spec{}, fmt.Errorf("project %s: %w", dir, err)
	}
	if s.Version > specVersion {
		return spec{}, control.NewError(control.ExitConfig, 31, "%s is of version %d, this program knows up to %d", dir, s.Version, specVersion).
			Try("use the batchain that wrote it, or a newer one")
	}
	return s, nil
}

// same reports whether two specs say the same.
func (s *spec) same(other *spec) bool {
	a, err := json.Marshal(s)
	b, err2 := json.Marshal(other)
	return err == nil && err2 == nil && bytes.Equal(a, b)
}
