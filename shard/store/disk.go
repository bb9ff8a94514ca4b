package store

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/disk"
)

// fileSystem is what the store asks of a file system; tests put a faulty one in its
// place.
type fileSystem interface {
	// openTemp opens path for reading and writing, made if missing.
	openTemp(path string) (tempFile, error)
	open(path string) (*os.File, error)
	mkdir(path string) error
	rename(from, to string) error
	remove(path string) error
	// syncFolder makes the names in a folder survive a power cut.
	syncFolder(path string) error
	// free is the bytes that the file system with path can still take.
	free(path string) (int64, error)
}

type tempFile interface {
	io.ReadWriteSeeker
	io.Closer
	Truncate(size int64) error
	Sync() error
}

type osDisk struct{}

func (osDisk) openTemp(path string) (tempFile, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}

func (osDisk) open(path string) (*os.File, error) { return os.Open(path) }
func (osDisk) mkdir(path string) error            { return os.Mkdir(path, 0o700) }
func (osDisk) rename(from, to string) error       { return os.Rename(from, to) }
func (osDisk) remove(path string) error           { return os.Remove(path) }
func (osDisk) syncFolder(path string) error       { return disk.SyncFolder(path) }
func (osDisk) free(path string) (int64, error)    { return disk.Free(path) }

// removeFile removes path; that it is gone already is fine.
func (s *Store) removeFile(path string) error {
	if err := s.disk.remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// syncRemoval makes the removal of path survive a power cut. That its folder is
// gone too is fine.
func (s *Store) syncRemoval(path string) error {
	if err := s.disk.syncFolder(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
