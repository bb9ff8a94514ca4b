package transfer

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
)

// rewrite writes path, a manifest or what lies beside it, whole, while the
// manifest is there: what was removed meanwhile stays away, and that is
// [fs.ErrNotExist].
func (e *Engine) rewrite(manifest, path string, write func(io.Writer) error) error {
	_ = disk.Sweep(path, disk.LeftoverTime) // a folder that cannot be listed can be written to
	temp, err := disk.Temp(path, write)
	if err != nil {
		return err
	}
	if err := e.renameWhile(manifest, temp, path); err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return disk.SyncFolder(filepath.Dir(path))
}

// renameWhile renames a file while the manifest is there.
func (e *Engine) renameWhile(manifest, from, to string) error {
	e.rename.Lock()
	defer e.rename.Unlock()
	if _, err := os.Stat(manifest); err != nil {
		return err
	}
	return os.Rename(from, to)
}

// Dropped lets go of a file that another device of the owner's has deleted: its
// manifest, and the journal of its put. They may be gone already.
func (e *Engine) Dropped(file shard.FileID) error {
	return errors.Join(e.forget(file), e.dropManifest(e.ManifestPath(file)))
}

// dropManifest removes a manifest, its health file and what a crash left of
// either. They may be gone already.
func (e *Engine) dropManifest(manifest string) error {
	e.rename.Lock()
	defer e.rename.Unlock()
	for _, path := range []string{manifest, manifest + HealthSuffix} {
		if err := os.Remove(path); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := disk.Sweep(path, 0); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}
