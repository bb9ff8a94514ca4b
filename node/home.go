package node

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/batchain/batchain/disk"
)

// FormatVersion is the layout of a home folder that this program writes.
const FormatVersion = 1

// NewerFormatError means that a newer version of batchain wrote the home
// folder: this one does not touch it.
type NewerFormatError struct {
	Home        string
	Found, Know int
}

// Error tells both versions.
func (e *NewerFormatError) Error() string {
	return fmt.Sprintf("home %s has format %d, this program knows up to %d", e.Home, e.Found, e.Know)
}

// ErrFormat means that a home's format file holds no number.
var ErrFormat = errors.New("format file is damaged")

// Home is the folder that holds all a node keeps.
type Home string

func (h Home) path(name string) string { return filepath.Join(string(h), name) }

// ConfigFile is where the configuration is read from, when it is there.
func (h Home) ConfigFile() string { return h.path("config.toml") }

// Manifests is the folder of the manifests of this owner's files.
func (h Home) Manifests() string { return h.path("manifests") }

// ControlPath is the file that tells where the control socket is when the
// home's own path is too long for one.
func (h Home) ControlPath() string { return h.path("control.path") }

func (h Home) identity() string { return h.path("identity.key") }
func (h Home) ownerKey() string { return h.path("owner.key") }
func (h Home) format() string   { return h.path("format") }
func (h Home) index() string    { return h.path("index") }
func (h Home) shards() string   { return h.path("shards") }
func (h Home) journal() string  { return h.path("journal") }
func (h Home) kept() string     { return h.path("kept") }
func (h Home) peers() string    { return h.path("peers.json") }
func (h Home) work() string     { return h.path("work") }
func (h Home) devices() string  { return h.path("devices.replica") }
func (h Home) lock() string     { return h.path("lock") }

// open makes the folder when it is not there (0700) and makes sure that it has
// the format of this program: an older one is brought up step by step, a newer
// one is refused with [*NewerFormatError]. The caller holds the home's lock.
func (h Home) open() error {
	found, err := h.readFormat()
	if errors.Is(err, os.ErrNotExist) {
		return h.create()
	}
	if err != nil {
		return err
	}
	if err := h.upgrade(found, migrations[:]); err != nil {
		return err
	}
	return h.create()
}

// create makes every folder and the format file.
func (h Home) create() error {
	for _, dir := range []string{string(h), h.Manifests(), h.journal()} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("home %s: %w", h, err)
		}
	}
	if _, err := os.Stat(h.format()); err == nil {
		return nil
	}
	return h.writeFormat(FormatVersion)
}

// readFormat reads the first thing that anybody reads of a home.
func (h Home) readFormat() (int, error) {
	data, err := os.ReadFile(h.format())
	if err != nil {
		return 0, err
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(data)))
	if err != nil || version < 1 {
		return 0, fmt.Errorf("home %s: %w", h, ErrFormat)
	}
	if version > FormatVersion {
		return 0, &NewerFormatError{Home: string(h), Found: version, Know: FormatVersion}
	}
	return version, nil
}

func (h Home) writeFormat(version int) error {
	if err := disk.WriteFile(h.format(), []byte(strconv.Itoa(version)+"\n"), 0o644); err != nil {
		return fmt.Errorf("home %s: %w", h, err)
	}
	return nil
}
