package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// RemoveEmpty removes the regular files without a byte in dir whose names have one
// of the endings, as ".vlog". A database that makes a file and then gives it its
// size, killed between the two, may refuse to open, though nothing was ever written
// there. A folder that is not there has none.
func RemoveEmpty(dir string, endings ...string) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, entry := range entries {
		if !slices.Contains(endings, filepath.Ext(entry.Name())) {
			continue
		}
		info, err := entry.Info()
		if err == nil && info.Mode().IsRegular() && info.Size() == 0 {
			err = os.Remove(filepath.Join(dir, entry.Name()))
		}
		if err != nil {
			return err
		}
	}
	return nil
}
