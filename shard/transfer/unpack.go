package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/folder"
)

// newSuffix marks a folder that is not whole yet as ours.
const newSuffix = ".batchain-new"

// unpack makes the folder that the part holds, beside its place, and gives it
// its name when all of it is on the disk. The part goes last. For a moment the
// disk holds both.
func (o *output) unpack(ctx context.Context, p shard.Private) error {
	if err := o.part.Sync(); err != nil {
		return err
	}
	archive, err := folder.OpenArchive(o.part, p.Size)
	if err != nil {
		return fmt.Errorf("%w: %w", shard.ErrManifest, err)
	}
	if err := restoreAt(ctx, archive, ".", o.path); err != nil {
		return err
	}
	return os.Remove(o.part.Name())
}

// restoreAt restores a part of a folder as path, which appears whole or not at
// all.
func restoreAt(ctx context.Context, archive *folder.Archive, under, path string) error {
	fresh := path + newSuffix
	if err := os.RemoveAll(fresh); err != nil { // of a try that was killed
		return err
	}
	err := archive.Restore(ctx, under, fresh)
	if err == nil {
		err = placeFolder(fresh, path)
	}
	if err != nil {
		return errors.Join(err, os.RemoveAll(fresh))
	}
	return disk.SyncFolder(filepath.Dir(path))
}

// placeFolder gives a folder its name, unless something has it by now.
func placeFolder(fresh, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	return os.Rename(fresh, path)
}
