package node

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/batchain/batchain/disk"
)

// migration takes a home from the format of its place in the list to the next.
// A crash may interrupt it, so it can be repeated.
type migration func(Home) error

// migrations[i] leads from format i+1 to i+2.
var migrations = [FormatVersion - 1]migration{}

// upgrade brings a home of an older format up, one step after the other, and
// writes the format down after each. Before the first it keeps a copy of the
// index as index.vN; a copy that is there already is the good one, from before
// a step that was interrupted.
func (h Home) upgrade(found int, steps []migration) error {
	if found > len(steps) {
		return nil
	}
	if err := h.copyIndex(found); err != nil {
		return fmt.Errorf("home %s: copy of the index: %w", h, err)
	}
	for ; found <= len(steps); found++ {
		if err := steps[found-1](h); err != nil {
			return fmt.Errorf("home %s: format %d to %d: %w", h, found, found+1, err)
		}
		if err := h.writeFormat(found + 1); err != nil {
			return err
		}
	}
	return nil
}

// copyIndex copies the index whole or not at all.
func (h Home) copyIndex(found int) error {
	to := h.path(fmt.Sprintf("index.v%d", found))
	if _, err := os.Stat(to); err == nil {
		return nil
	}
	part := to + ".part"
	if err := os.RemoveAll(part); err != nil {
		return err
	}
	err := os.CopyFS(part, os.DirFS(h.index()))
	if errors.Is(err, fs.ErrNotExist) {
		return os.RemoveAll(part) // a home without storage has no index
	}
	if err != nil {
		return err
	}
	if err := os.Rename(part, to); err != nil {
		return err
	}
	return disk.SyncFolder(string(h))
}
