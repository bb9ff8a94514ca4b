//go:build unix

package disk

import (
	"errors"
	"os"
)

// SyncFolder makes the names in a folder survive a power cut: those that were
// given, and those that were taken away.
func SyncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(folder.Sync(), folder.Close())
}
