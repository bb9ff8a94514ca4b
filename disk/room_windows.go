package disk

import (
	"os"

	"golang.org/x/sys/windows"
)

func room(path string) (free, size int64, err error) {
	name, err := windows.UTF16PtrFromString(path)
	if err != nil {
		return 0, 0, &os.PathError{Op: "disk size", Path: path, Err: err}
	}
	var available, total uint64
	if err := windows.GetDiskFreeSpaceEx(name, &available, &total, nil); err != nil {
		return 0, 0, &os.PathError{Op: "disk size", Path: path, Err: err}
	}
	return int64(min(available, most)), int64(min(total, most)), nil
}
