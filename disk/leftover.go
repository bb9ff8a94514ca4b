package disk

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// LeftoverTime is how long nobody has written to a temporary file that nobody will
// give its name any more.
const LeftoverTime = time.Hour

// maxBase is how many bytes of a file's name are in that of its temporary files: a
// name may have 255, and dots and up to ten digits are added.
const maxBase = 240

// Sweep removes the temporary files of path to which nobody has written for the
// given time, or, if it is 0, all of them. They may hold the keys that were in the
// file. A folder that is not there is [fs.ErrNotExist].
func Sweep(path string, idle time.Duration) error {
	folder, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	names, err := folder.Readdirnames(-1)
	if err = errors.Join(err, folder.Close()); err != nil {
		return err
	}
	prefix, then := leftoverOf(path), time.Now().Add(-idle)
	for _, name := range names {
		digits, ours := strings.CutPrefix(name, prefix)
		if !ours || digits == "" || strings.Trim(digits, "0123456789") != "" {
			continue
		}
		temp := filepath.Join(filepath.Dir(path), name)
		info, err := os.Lstat(temp)
		if err != nil || !info.Mode().IsRegular() || idle > 0 && !info.ModTime().Before(then) {
			continue // it is in use, or has its name by now
		}
		if err := os.Remove(temp); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// leftoverOf is how the names of a file's temporary files begin; digits follow.
func leftoverOf(path string) string {
	base := filepath.Base(path)
	if len(base) > maxBase {
		base = strings.ToValidUTF8(base[:maxBase], "") // not half a letter
	}
	return "." + base + "."
}
