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
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, err
	}
	var total uint64
	if err := windows.GetDiskFreeSpaceEx(name, nil, &total, nil); err != nil {
		return 0, &os.PathError{Op: "disk size", Path: path, Err: err}
	}
	return int64(total), nil
}
