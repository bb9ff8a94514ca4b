package exec

import (
	"crypto/rand"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// wiper removes trees that a worker made: as deep as it liked, and with folders that nobody
// may list. Folders are moved up before they are emptied, so that neither open files nor
// the length of a path grow with the depth.
type wiper struct {
	root *os.Root
	left []string // folders to remove, below root
}

// wipe removes what is at a path below dir. Nothing that is linked there is touched. While
// it works, parts are in dir, under the names of boxes.
func wipe(dir, path string) error {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return err
	}
	defer root.Close()
	w := wiper{root: root}
	switch info, err := root.Lstat(path); {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return err
	case !info.IsDir():
		return root.Remove(path)
	}
	for w.left = []string{path}; len(w.left) > 0; {
		last := len(w.left) - 1
		next := w.left[last]
		w.left = w.left[:last]
		if err := w.empty(next); err != nil {
			return err
		}
		if err := root.Remove(next); err != nil {
			return err
		}
	}
	return nil
}

// entriesAtOnce is how many names of a folder are read at one time.
const entriesAtOnce = 1024

// empty removes the files of a folder and moves its folders up.
func (w *wiper) empty(path string) error {
	if err := w.root.Chmod(path, 0o700); err != nil {
		return err
	}
	folder, err := w.root.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	for {
		entries, err := folder.ReadDir(entriesAtOnce)
		for _, entry := range entries {
			if err := w.clear(filepath.Join(path, entry.Name()), entry.IsDir()); err != nil {
				return err
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (w *wiper) clear(path string, isDir bool) error {
	if !isDir {
		return w.root.Remove(path)
	}
	if err := w.root.Chmod(path, 0o700); err != nil { // who may not write into it may not move it
		return err
	}
	up := strings.TrimSuffix(boxPattern, "*") + rand.Text()
	if err := w.root.Rename(path, up); err != nil {
		return err
	}
	w.left = append(w.left, up)
	return nil
}
