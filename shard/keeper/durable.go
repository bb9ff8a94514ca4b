package keeper

import (
	"errors"
	"io"
	"os"
	"path/filepath"
)

// tempPrefix begins the names of files that are being written.
const tempPrefix = ".new-"

// writeTemp writes a file beside its final place, 0600 and synced. The caller
// renames or removes it.
func writeTemp(dir string, write func(io.Writer) error) (path string, err error) {
	file, err := os.CreateTemp(dir, tempPrefix+"*")
	if err != nil {
		return "", err
	}
	err = write(file)
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// place renames a temp file to its name; a crash leaves what was there before,
// or the whole new file.
func place(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return syncFolder(filepath.Dir(path))
}

// writeWhole writes a file that appears whole or not at all.
func writeWhole(path string, data []byte) error {
	temp, err := writeTemp(filepath.Dir(path), func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
	if err != nil {
		return err
	}
	return place(temp, path)
}
