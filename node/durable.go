package node

import (
	"fmt"
	"os"
	"path/filepath"
)

// writeDurable puts data at path as a whole or not at all: a temporary file in
// the same folder, synced, renamed over path, and the folder synced. A crash
// leaves the old file or the new one.
func writeDurable(path string, data []byte, mode os.FileMode) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, "."+filepath.Base(path)+".tmp*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	if err := f.Chmod(mode); err != nil {
		return err
	}
	if _, err := f.Write(data); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
		return err
	}
	return syncDir(dir)
}

// checkPrivate refuses a key file that others on this machine can read.
func checkPrivate(path string, info os.FileInfo) error {
	if mode := info.Mode().Perm(); secretMode && mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o and must have 0600", ErrKeyExposed, path, mode)
	}
	return nil
}
