package hive

import (
	"os"

	"golang.org/x/sys/windows"
)

// freeBytes is what the file system with path can still take.
func freeBytes(path string) (int64, error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, &os.PathError{Op: "free space", Path: path, Err: err}
	}
	var free uint64
	if err := windows.GetDiskFreeSpaceEx(name, &free, nil, nil); err != nil {
		return 0, &os.PathError{Op: "free space", Path: path, Err: err}
	}
	return int64(min(free, 1<<62)), nil
}

// syncFolder does nothing: Windows writes names with the journal of NTFS, and
// has no way to sync a folder.
func syncFolder(string) error { return nil }
