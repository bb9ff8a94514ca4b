package spool

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

// version is that of the folder's format.
const version = 1

// stateFile is where the state is kept, and maxState bounds it, in bytes.
const (
	stateFile = ".state"
	maxState  = 64 << 10
)

// state is what is in the file.
type state struct {
	Version int    `json:"version"`
	Owner   string `json:"owner"`
	Next    uint64 `json:"next"`
}

func (s *Spool) readState() error {
	data, err := s.read(stateFile, maxState)
	if errors.Is(err, fs.ErrNotExist) {
		s.state = state{Version: version, Owner: s.config.Owner}
		return s.writeState(0)
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(data, &s.state); err != nil {
		return fmt.Errorf("%s: %w", stateFile, err)
	}
	if s.state.Version != version {
		return fmt.Errorf("%s has version %d, this program knows %d", stateFile, s.state.Version, version)
	}
	if s.state.Owner != s.config.Owner {
		return fmt.Errorf("%w: %q", ErrOwner, s.state.Owner)
	}
	return nil
}

func (s *Spool) writeState(next uint64) error {
	moved := s.state
	moved.Next = next
	data, err := json.Marshal(moved)
	if err != nil {
		return err
	}
	if err := s.write(stateFile, append(data, '\n')); err != nil {
		return err
	}
	if err := s.sync("."); err != nil {
		return err
	}
	s.state = moved
	return nil
}

// Cursor implements the store of package work/feed.
func (s *Spool) Cursor(context.Context) (uint64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state.Next, nil
}
