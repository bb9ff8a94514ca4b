package catalogue

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"runtime"
)

// writeWhole writes a file that only its owner may read: temp file, fsync,
// rename, fsync of the folder. It appears whole or not at all.
func writeWhole(path string, content io.Reader) error {
	file, err := os.CreateTemp(filepath.Dir(path), "."+filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	_, err = io.Copy(file, content)
	return finish(file, path, err)
}

// finish gives a temp file its name, or removes it after an error.
func finish(file *os.File, path string, err error) error {
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err == nil {
		err = os.Rename(file.Name(), path)
	}
	if err != nil {
		return errors.Join(err, os.Remove(file.Name()))
	}
	return syncFolder(filepath.Dir(path))
}

// syncFolder makes the names in a folder survive a power cut. On Windows a
// folder cannot be synced, and NTFS journals its names.
func syncFolder(path string) error {
	if runtime.GOOS == "windows" {
		return nil
	}
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
