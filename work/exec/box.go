package exec

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// box is the folder of one worker: what it is given lies in one half, and a
// native command may write into the other. Both are emptied after a unit.
type box struct{ dir string }

// boxPattern names the folders of workers below [Config.Dir].
const boxPattern = "worker-*"

// newBox makes a box below dir.
func newBox(dir string) (box, error) {
	made, err := os.MkdirTemp(dir, boxPattern)
	if err != nil {
		return box{}, err
	}
	b := box{made}
	for _, half := range []string{b.in(), b.out()} {
		if err := os.Mkdir(half, 0o700); err != nil {
			return b, errors.Join(err, b.remove())
		}
	}
	return b, nil
}

func (b box) in() string    { return filepath.Join(b.dir, "in") }
func (b box) out() string   { return filepath.Join(b.dir, "out") }
func (b box) remove() error { return wipe(filepath.Dir(b.dir), filepath.Base(b.dir)) }

// removeBoxes removes what workers of an earlier process left below dir.
func removeBoxes(dir string) error {
	left, err := filepath.Glob(filepath.Join(dir, boxPattern))
	for _, path := range left {
		err = errors.Join(err, box{path}.remove())
	}
	return err
}

// fill puts the files of a unit into the box, by link where that is possible,
// and returns their paths there.
func (b box) fill(files map[string]string) (map[string]string, error) {
	paths := map[string]string{}
	for name, source := range files {
		if !filepath.IsLocal(name) || filepath.Base(name) != name || len(name) > MaxText || name == "." {
			return nil, fail(CodeDenied, "%q is no name of a file", name)
		}
		target := filepath.Join(b.in(), name)
		source, err := filepath.EvalSymlinks(source)
		if err != nil {
			return nil, fmt.Errorf("file %q of the unit: %w", name, err)
		}
		if err := os.Link(source, target); err != nil {
			if err := copyFile(target, source); err != nil {
				return nil, fmt.Errorf("file %q of the unit: %w", name, err)
			}
		}
		paths[name] = target
	}
	return paths, nil
}

// empty removes what is in the box.
func (b box) empty() error {
	for _, half := range []string{b.in(), b.out()} {
		entries, err := os.ReadDir(half)
		if err != nil {
			return err
		}
		for _, entry := range entries {
			path := filepath.Join(filepath.Base(b.dir), filepath.Base(half), entry.Name())
			if err := wipe(filepath.Dir(b.dir), path); err != nil {
				return err
			}
		}
	}
	return nil
}

func copyFile(target, source string) error {
	from, err := os.Open(source)
	if err != nil {
		return err
	}
	defer from.Close()
	to, err := os.OpenFile(target, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(to, from)
	return errors.Join(err, to.Close())
}
