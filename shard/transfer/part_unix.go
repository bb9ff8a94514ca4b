//go:build unix

package transfer

import (
	"errors"
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// noFollow keeps an open from following a symbolic link that somebody planted.
const noFollow = syscall.O_NOFOLLOW

// renameClosed says that an open file cannot be renamed.
const renameClosed = false

// lockFile takes a file for this open of it alone, until it is closed. A file
// system without locks does without. Errors: [ErrGetBusy].
func lockFile(file *os.File) error {
	if errors.Is(unix.Flock(int(file.Fd()), unix.LOCK_EX|unix.LOCK_NB), unix.EWOULDBLOCK) {
		return ErrGetBusy
	}
	return nil
}
