package transfer

import (
	"errors"
	"os"

	"golang.org/x/sys/windows"
)

const noFollow = 0

// renameClosed says that an open file cannot be renamed.
const renameClosed = true

// lockFile takes a file for this open of it alone, until it is closed. A file
// system without locks does without. Errors: [ErrGetBusy].
func lockFile(file *os.File) error {
	const flags = windows.LOCKFILE_EXCLUSIVE_LOCK | windows.LOCKFILE_FAIL_IMMEDIATELY
	err := windows.LockFileEx(windows.Handle(file.Fd()), flags, 0, 1, 0, new(windows.Overlapped))
	if errors.Is(err, windows.ERROR_LOCK_VIOLATION) {
		return ErrGetBusy
	}
	return nil
}
