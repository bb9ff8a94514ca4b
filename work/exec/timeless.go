package exec

import (
	"cmp"
	"io/fs"
	"slices"
	"time"
)

// timeless is a file system in which nothing differs from machine to machine
// that is not content: no times, owners and numbers, and folders in order.
type timeless struct{ fs.FS }

// Open implements [fs.FS].
func (t timeless) Open(name string) (fs.File, error) {
	f, err := t.FS.Open(name)
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, err
	}
	if info.IsDir() {
		return &timelessFolder{File: f, fsys: t.FS, name: name}, nil
	}
	return timelessFile{f}, nil
}

type timelessFile struct{ fs.File }

// Stat implements [fs.File].
func (f timelessFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return timelessInfo{info}, err
}

// ReadAt implements [io.ReaderAt] where the file does.
func (f timelessFile) ReadAt(p []byte, offset int64) (int, error) {
	if r, ok := f.File.(interface {
		ReadAt([]byte, int64) (int, error)
	}); ok {
		return r.ReadAt(p, offset)
	}
	return 0, fs.ErrInvalid
}

// Seek implements [io.Seeker] where the file does.
func (f timelessFile) Seek(offset int64, whence int) (int64, error) {
	if s, ok := f.File.(interface {
		Seek(int64, int) (int64, error)
	}); ok {
		return s.Seek(offset, whence)
	}
	return 0, fs.ErrInvalid
}

type timelessFolder struct {
	fs.File
	fsys fs.FS
	name string
	rest []fs.DirEntry
	read bool
}

// Stat implements [fs.File].
func (f *timelessFolder) Stat() (fs.FileInfo, error) { return timelessFile{f.File}.Stat() }

// ReadDir implements [fs.ReadDirFile].
func (f *timelessFolder) ReadDir(n int) ([]fs.DirEntry, error) {
	if !f.read {
		entries, err := fs.ReadDir(f.fsys, f.name)
		if err != nil {
			return nil, err
		}
		for i, entry := range entries {
			entries[i] = timelessEntry{entry}
		}
		slices.SortFunc(entries, func(a, b fs.DirEntry) int { return cmp.Compare(a.Name(), b.Name()) })
		f.rest, f.read = entries, true
	}
	if n <= 0 || n > len(f.rest) {
		n = len(f.rest)
	}
	out := f.rest[:n]
	f.rest = f.rest[n:]
	return out, nil
}

type timelessEntry struct{ fs.DirEntry }

// Info implements [fs.DirEntry].
func (e timelessEntry) Info() (fs.FileInfo, error) {
	info, err := e.DirEntry.Info()
	return timelessInfo{info}, err
}

type timelessInfo struct{ fs.FileInfo }

// ModTime implements [fs.FileInfo].
func (timelessInfo) ModTime() time.Time { return time.Unix(0, 0) }

// Mode implements [fs.FileInfo].
func (i timelessInfo) Mode() fs.FileMode {
	if i.IsDir() {
		return fs.ModeDir | 0o555
	}
	return i.FileInfo.Mode().Type() | 0o444
}

// Sys implements [fs.FileInfo].
func (timelessInfo) Sys() any { return nil }
