package transfer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// leftoverTime is how long nobody has written to a temporary file that nobody
// will put in its place any more.
const leftoverTime = time.Hour

// writeWhole writes a file that holds a key, readable by its owner only: temp
// file, fsync, rename, fsync of the folder. It appears whole or not at all. What
// a crash left of earlier ones goes.
func writeWhole(path string, write func(io.Writer) error) error {
	return writeAnd(path, write, os.Rename)
}

// writeAnd has place give the whole file its name.
func writeAnd(path string, write func(io.Writer) error, place func(from, to string) error) error {
	_ = dropLeftovers(path, time.Now().Add(-leftoverTime)) // a folder that cannot be listed can be written to
	file, err := os.CreateTemp(filepath.Dir(path), leftoverOf(path)+"*")
	if err != nil {
		return err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = place(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// leftoverOf is how the names of temporary files of a file begin; digits follow.
func leftoverOf(path string) string { return "." + filepath.Base(path) + "." }

// dropLeftovers removes the temporary files of a file that were last written to
// before then. They hold its key.
func dropLeftovers(path string, then time.Time) error {
	entries, err := os.ReadDir(filepath.Dir(path))
	if err != nil {
		return err
	}
	for _, entry := range entries {
		rest, ours := strings.CutPrefix(entry.Name(), leftoverOf(path))
		if !ours || rest == "" || strings.Trim(rest, "0123456789") != "" || !entry.Type().IsRegular() {
			continue
		}
		if info, err := entry.Info(); err != nil || !info.ModTime().Before(then) {
			continue // it is in use, or has its name by now
		}
		err := os.Remove(filepath.Join(filepath.Dir(path), entry.Name()))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
