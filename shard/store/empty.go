package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// removeEmpty removes log files without a byte. Badger makes a log file and then
// gives it its size; killed between the two, it refuses to open, though nothing was
// ever written there.
func removeEmpty(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if end := filepath.Ext(entry.Name()); end != ".mem" && end != ".vlog" {
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
