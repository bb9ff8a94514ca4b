package disk

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// WriteFile puts data at path as a whole or not at all, with the permissions of
// mode, whatever the umask. It replaces a file that is there. When it returns nil,
// the file is there after a power cut too; after an error path is as it was, unless
// the error is that of syncing the folder.
func WriteFile(path string, data []byte, mode fs.FileMode) error {
	return whole(path, mode, func(w io.Writer) error {
		_, err := w.Write(data)
		return err
	})
}

// Write is [WriteFile] for what write produces, readable by its owner only. The
// error of write is returned as it is.
func Write(path string, write func(io.Writer) error) error {
	return whole(path, secret, write)
}

// secret is the mode of a file that only its owner may read.
const secret fs.FileMode = 0o600

func whole(path string, mode fs.FileMode, write func(io.Writer) error) error {
	temp, err := makeTemp(path, mode, write)
	if err != nil {
		return err
	}
	return Place(temp, path)
}

// Temp writes a file beside path, under a name that tells it is no whole file of
// that name, readable by its owner only, and syncs it. The caller gives it a name
// by [Place], or removes it. After an error nothing is left of it.
func Temp(path string, write func(io.Writer) error) (temp string, err error) {
	return makeTemp(path, secret, write)
}

func makeTemp(path string, mode fs.FileMode, write func(io.Writer) error) (string, error) {
	file, err := os.CreateTemp(filepath.Dir(path), leftoverOf(path)+"*")
	if err != nil {
		return "", err
	}
	if mode != secret {
		err = file.Chmod(mode)
	}
	if err == nil {
		err = write(file)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return "", errors.Join(err, os.Remove(file.Name()))
	}
	return file.Name(), nil
}

// Place gives a file of [Temp] its name, in the same folder, and makes the name
// durable. It replaces a file that is there. When that fails, the temporary file
// is removed.
func Place(temp, path string) error {
	if err := os.Rename(temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return SyncFolder(filepath.Dir(path))
}
