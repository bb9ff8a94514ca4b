package store

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// ErrAway means that the folder of the shards is not the one that it was: its disk
// was taken off, or is not mounted yet. Nothing is struck from the index then,
// nothing new is taken, and what would have to be looked up fails with it. A
// store whose folder went away stays so until it is opened again.
var ErrAway = errors.New("the folder of the shards is not the one it was: is its disk mounted?")

// here gives [ErrAway] unless the folder is the one that was opened. It is asked
// before anything is believed to be gone.
func (s *Store) here() error {
	info, err := os.Stat(s.dir)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrAway, err)
	}
	if !os.SameFile(info, s.ground) {
		return ErrAway
	}
	return nil
}

// findGround remembers which folder the shards lie in. It gives [ErrAway] when
// the index has shards and there is none of the folders that they lie in: who
// knows that they are lost has to remove the index as well.
func (s *Store) findGround() (err error) {
	if s.count.Shards > 0 {
		found, err := filepath.Glob(filepath.Join(s.dir, "[0-9a-f][0-9a-f]"))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%w %d shards are on record, and none is there; if they are lost, remove the index as well", ErrAway, s.count.Shards)
		}
	}
	if err := os.MkdirAll(filepath.Join(s.dir, tempFolder), 0o700); err != nil {
		return err
	}
	s.ground, err = os.Stat(s.dir)
	return err
}
