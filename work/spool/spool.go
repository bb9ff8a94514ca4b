package spool

import (
	"cmp"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/gofrs/flock"
)

// The folders in a spool.
const (
	inDir     = "in"
	busyDir   = "busy"
	doneDir   = "done"
	failedDir = "failed"
)

// Config says where a spool is. Dir and Owner must be set; other zero fields
// are the defaults.
type Config struct {
	Dir    string        // made when it is missing, and the folders in it
	Owner  string        // to whom it belongs: always the same, and nobody else's
	Settle time.Duration // how long a file must not have changed, 2 s
	Logger *slog.Logger  // nil: discard
}

// ErrInUse means that another process uses the folder.
var ErrInUse = errors.New("another process uses the spool")

// ErrOwner means that the folder belongs to another owner.
var ErrOwner = errors.New("the spool belongs to another project or hive")

// Spool is the store of a project in a folder. Its methods may be called
// concurrently.
type Spool struct {
	config Config
	log    *slog.Logger
	root   *os.Root
	lock   *flock.Flock

	mu     sync.Mutex
	state  state
	busy   map[string]string   // keys of the units in busy, by name
	told   map[string]struct{} // files that are not taken, of which the log has told
	scan   *os.File            // in, while it is being read; nil before
	left   []string            // names of it that were read and not looked at
	coming bool                // since its beginning some were seen that are to be taken later
	last   int64               // the last ID
}

// Open opens a spool and locks it. It needs to be closed.
func Open(c Config) (*Spool, error) {
	if c.Dir == "" || c.Owner == "" {
		return nil, errors.New("open spool: folder and owner must be set")
	}
	c.Settle = cmp.Or(c.Settle, 2*time.Second)
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	for _, dir := range []string{inDir, busyDir, doneDir, failedDir} {
		if err := os.MkdirAll(filepath.Join(c.Dir, dir), 0o777); err != nil { // whoever the umask lets
			return nil, fmt.Errorf("open spool: %w", err)
		}
	}
	s := &Spool{
		config: c, log: c.Logger.With("spool", c.Dir), lock: flock.New(filepath.Join(c.Dir, ".lock")),
		busy: map[string]string{}, told: map[string]struct{}{},
	}
	locked, err := s.lock.TryLock()
	if err == nil && !locked {
		err = ErrInUse
	}
	if err != nil {
		return nil, fmt.Errorf("open spool %s: %w", c.Dir, err)
	}
	if s.root, err = os.OpenRoot(c.Dir); err == nil {
		err = s.load()
	}
	if err != nil {
		_ = s.Close()
		return nil, fmt.Errorf("open spool %s: %w", c.Dir, err)
	}
	return s, nil
}

// load reads what is claimed, and how far the project has come.
func (s *Spool) load() error {
	if err := s.readState(); err != nil {
		return err
	}
	f, err := s.root.Open(busyDir)
	if err != nil {
		return err
	}
	defer f.Close()
	keys, err := f.Readdirnames(-1)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if name, ok := nameOf(key); ok {
			s.busy[name] = key
		}
	}
	return nil
}

// Close unlocks the folder.
func (s *Spool) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rewind()
	if s.root != nil {
		_ = s.root.Close()
	}
	return s.lock.Close()
}
