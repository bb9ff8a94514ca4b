package disk

import (
	"fmt"
	"io/fs"
	"syscall"
)

// Free returns how many bytes the file system with path can still take from this
// user.
func Free(path string) (int64, error) {
	free, _, err := room(path)
	return free, err
}

// Size returns how many bytes the file system with path has, in use or not.
func Size(path string) (int64, error) {
	_, size, err := room(path)
	return size, err
}

// NeedRoom returns an error, in which errors.Is finds [syscall.ENOSPC], when the file
// system with path takes fewer than so many bytes. It is for who writes through memory
// maps, as Badger does: there a full disk is no error but a signal, which ends the process.
// A file system that does not say what it takes is no error.
func NeedRoom(path string, bytes int64) error {
	if free, err := Free(path); err == nil && free < bytes {
		return &fs.PathError{Op: fmt.Sprintf("find %d bytes of room", bytes), Path: path, Err: syscall.ENOSPC}
	}
	return nil
}

// most bounds what a file system says of itself, in bytes: some have as much room
// as a number can say, and others add to it.
const most = 1 << 62
