package labour

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/work"
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
