package folder

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// Restore makes the entry under and all below it in the folder dst, which it
// makes and which must not exist: [fs.ErrExist]. under is "." for everything.
// Nothing is written outside of dst, whatever the stream says, and no link is
// followed: links come last. Modes and times are those that were kept. Every
// file is on the disk when it returns.
func (a *Archive) Restore(ctx context.Context, under, dst string) error {
	if err := os.Mkdir(dst, 0o700); err != nil {
		return err
	}
	root, err := os.OpenRoot(dst)
	if err != nil {
		return err
	}
	defer root.Close()
	r := &restoring{a: a, root: root, under: clean(under)}
	return r.run(ctx)
}

// restoring is one restore under way.
type restoring struct {
	a     *Archive
	root  *os.Root
	under string
	late  []Entry // folders and links, whose modes, times and targets come last
}

func (r *restoring) run(ctx context.Context) error {
	for e, err := range r.a.Entries() {
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return err
		}
		inside, ok := r.inside(e.Path)
		if !ok {
			continue
		}
		e.Path = inside
		if err := r.make(e); err != nil {
			return fmt.Errorf("restore %s: %w", e.Path, err)
		}
	}
	return r.finish()
}

// inside is a path as seen from the entry that is restored.
func (r *restoring) inside(p string) (string, bool) {
	switch {
	case r.under == ".":
		return p, true
	case p == r.under:
		return ".", true
	}
	return strings.CutPrefix(p, r.under+"/")
}

func (r *restoring) make(e Entry) error {
	name := fromSlash(e.Path)
	if !filepath.IsLocal(name) {
		return fmt.Errorf("%w: this system has no such name", ErrArchive)
	}
	if e.Path != "." {
		if err := r.parent(path.Dir(e.Path)); err != nil {
			return err
		}
	}
	switch e.Kind {
	case Folder:
		r.late = append(r.late, e)
		return r.folder(name)
	case Link:
		r.late = append(r.late, e)
		return nil
	}
	return r.file(name, e)
}

// parent makes the folders above an entry that no entry of their own has named.
func (r *restoring) parent(dir string) error {
	if dir == "." {
		return nil
	}
	return r.root.MkdirAll(fromSlash(dir), 0o700)
}

func (r *restoring) folder(name string) error {
	err := r.root.Mkdir(name, 0o700)
	if errors.Is(err, fs.ErrExist) {
		info, statErr := r.root.Lstat(name)
		if statErr == nil && info.IsDir() {
			return nil
		}
	}
	return err
}

// file writes a file that must not be there yet.
func (r *restoring) file(name string, e Entry) (err error) {
	f, err := r.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|noFollow, 0o600)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := io.Copy(f, r.a.Reader(e)); err != nil {
		return err
	}
	if err := f.Chmod(e.Mode); err != nil {
		return err
	}
	if err := f.Sync(); err != nil {
		return err
	}
	return r.root.Chtimes(name, time.Unix(0, e.ModTime), time.Unix(0, e.ModTime))
}

// finish makes the links, then gives folders their modes and times, the deepest
// first.
func (r *restoring) finish() error {
	for _, e := range r.late {
		if e.Kind != Link {
			continue
		}
		if err := r.root.Symlink(e.Link, fromSlash(e.Path)); err != nil {
			return fmt.Errorf("restore %s: %w", e.Path, err)
		}
	}
	slices.SortStableFunc(r.late, func(a, b Entry) int { return cmp.Compare(depth(b.Path), depth(a.Path)) })
	for _, e := range r.late {
		if e.Kind != Folder {
			continue
		}
		name := fromSlash(e.Path)
		err := r.root.Chmod(name, e.Mode)
		if err := errors.Join(err, r.root.Chtimes(name, time.Unix(0, e.ModTime), time.Unix(0, e.ModTime))); err != nil {
			return fmt.Errorf("restore %s: %w", e.Path, err)
		}
	}
	return nil
}

func depth(p string) int {
	if p == "." {
		return -1
	}
	return strings.Count(p, "/")
}

func fromSlash(p string) string { return filepath.FromSlash(p) }

// clean is a path as the index has it.
func clean(p string) string {
	if p = path.Clean("/" + filepath.ToSlash(p))[1:]; p != "" {
		return p
	}
	return "."
}
