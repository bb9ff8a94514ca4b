package node

import (
	"os"

	"golang.org/x/sys/windows"
)

// secretMode is false: on Windows a file's mode says nothing of who may read it.
const secretMode = false

// syncDir does nothing: Windows keeps names durable by itself and opens no
// folder for syncing.
func syncDir(string) error { return nil }

// ownedByUs is true: a user's temporary folder is the user's own on Windows.
func ownedByUs(os.FileInfo) bool { return true }

// diskSize is the size in bytes of the volume that holds path.
func diskSize(path string) (int64, error) {
	_, size, err := volume(path)
	return size, err
}

// diskFree is the bytes that the volume with path can still take.
func diskFree(path string) (int64, error) {
	free, _, err := volume(path)
	return free, err
}

func volume(path string) (free, size int64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, err
	}
	var available, total uint64
	if err := windows.GetDiskFreeSpaceEx(name, &available, &total, nil); err != nil {
		return 0, 0, &os.PathError{Op: "disk size", Path: path, Err: err}
	}
	return int64(available), int64(total), nil
}
