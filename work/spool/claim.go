package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"unicode/utf8"

	"github.com/batchain/batchain/work"
)

// scanNames is how many names of in are read at one time.
const scanNames = 1024

// Claim implements the store of package work/feed. It reads in from where it
// stopped, so that a folder of any size costs little, and says that there is
// nothing only after it has read all of it.
func (s *Spool) Claim(_ context.Context, n int) ([]work.Unit, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.left) == 0 && s.scan == nil {
		s.coming = false
	}
	var units []work.Unit
	taken := 0
	for whole := len(s.left) == 0 && s.scan == nil; taken < n; {
		name, err := s.nextName()
		if errors.Is(err, io.EOF) && taken == 0 && !whole {
			whole, s.coming = true, false // once more, from the beginning
			continue
		}
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		key, later, err := s.take(name)
		if err != nil {
			return nil, err
		}
		s.coming = s.coming || later
		if key == "" {
			continue
		}
		taken++
		u, ok, err := s.claimed(key)
		if err != nil {
			return nil, err
		}
		if ok {
			units = append(units, u)
		}
	}
	switch {
	case taken > 0:
		return units, errors.Join(s.sync(busyDir), s.sync(inDir))
	case s.coming:
		return nil, work.ErrNoWork
	}
	return nil, io.EOF
}

// nextName returns the next name in in, and io.EOF once after the last one.
func (s *Spool) nextName() (string, error) {
	if len(s.left) == 0 {
		if err := s.readOn(); err != nil {
			return "", err
		}
	}
	name := s.left[0]
	s.left = s.left[1:]
	return name, nil
}

func (s *Spool) readOn() error {
	if s.scan == nil {
		f, err := s.root.Open(inDir)
		if err != nil {
			return err
		}
		s.scan = f
	}
	names, err := s.scan.Readdirnames(scanNames)
	if err != nil {
		s.rewind()
		return err
	}
	slices.Sort(names)
	s.left = names
	return nil
}

// rewind has in read from its beginning.
func (s *Spool) rewind() {
	s.left = nil
	if s.scan != nil {
		_ = s.scan.Close()
		s.scan = nil
	}
}

// claimed reads a unit in busy. One that is none is failed.
func (s *Spool) claimed(key string) (u work.Unit, ok bool, err error) {
	data, err := s.read(path.Join(busyDir, key), work.MaxInput)
	switch {
	case errors.Is(err, errLong):
		return u, false, s.fail(key, fmt.Sprintf("the input has %d bytes, at most %d are allowed", s.size(key), work.MaxInput))
	case errors.Is(err, fs.ErrPermission):
		return u, false, s.fail(key, "the file cannot be read: permission denied")
	case err != nil:
		return u, false, err
	case !utf8.Valid(data) || !json.Valid(data):
		return u, false, s.fail(key, "the input is no JSON")
	}
	return work.Unit{Key: key, Input: data}, true, nil
}

func (s *Spool) size(key string) int64 {
	info, err := s.root.Lstat(path.Join(busyDir, key))
	if err != nil {
		return 0
	}
	return info.Size()
}

// Claimed implements the store of package work/feed.
func (s *Spool) Claimed(context.Context) iter.Seq2[work.Unit, error] {
	return func(yield func(work.Unit, error) bool) {
		for _, key := range s.keys() {
			u, ok, err := s.claimedNow(key)
			switch {
			case err != nil:
				yield(u, err)
				return
			case ok && !yield(u, nil):
				return
			}
		}
	}
}

// keys returns those of all units in busy.
func (s *Spool) keys() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	var keys []string
	for _, key := range s.busy {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	return keys
}

// claimedNow reads a unit that may have come to something meanwhile.
func (s *Spool) claimedNow(key string) (u work.Unit, ok bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if name, _ := nameOf(key); s.busy[name] != key {
		return u, false, nil
	}
	u, ok, err = s.claimed(key)
	if errors.Is(err, fs.ErrNotExist) {
		name, _ := nameOf(key)
		s.log.Warn("File is gone from busy", "name", name)
		delete(s.busy, name)
		return u, false, nil
	}
	return u, ok, err
}
