//go:build unix

package transfer

import (
	"os"
	"syscall"
)

// syncFolder makes the names in a folder survive a power cut.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	return folder.Sync()
}

// noFollow keeps an open from following a symbolic link that somebody planted.
const noFollow = syscall.O_NOFOLLOW
