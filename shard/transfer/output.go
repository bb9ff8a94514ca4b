package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
)

// output is where a file is written: NAME.batchain-part, which becomes NAME when it is
// whole, or a stream.
type output struct {
	stream  io.Writer
	part    *os.File // nil for a stream
	path    string
	force   bool
	written int64 // bytes that are good, from the start
}

// partSuffix marks the file as ours: people and browsers have a NAME.batchain-part of
// their own.
const partSuffix = ".batchain-part"

func openOutput(to Destination, p shard.Private) (*output, error) {
	if to.Stream != nil {
		return &output{stream: to.Stream}, nil
	}
	path := to.Path
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, shard.SafeName(p.Name))
	}
	if info, err := os.Lstat(path); err == nil && p.Folder {
		return nil, fmt.Errorf("%s: %w, and a folder replaces nothing", path, ErrExists)
	} else if err == nil && !info.Mode().IsRegular() && info.Mode().Type() != fs.ModeSymlink {
		return nil, fmt.Errorf("%s: %w", path, ErrNoFile)
	} else if err == nil && !to.Force {
		return nil, fmt.Errorf("%s: %w", path, ErrExists)
	}
	part, err := openPart(path)
	if err != nil {
		return nil, err
	}
	return &output{part: part, path: path, force: to.Force}, nil
}

// openPart opens or makes NAME.batchain-part for one get, which alone can read it until
// it is whole. The second name of a file that is in place already, which a crash
// between link and remove leaves, is none: writing there would spoil the file.
func openPart(path string) (*os.File, error) {
	name := path + partSuffix
	if whole, err := os.Lstat(path); err == nil {
		if info, err := os.Lstat(name); err == nil && os.SameFile(whole, info) {
			if err := os.Remove(name); err != nil {
				return nil, err
			}
		}
	}
	part, err := os.OpenFile(name, os.O_RDWR|os.O_CREATE|noFollow, 0o600)
	if err != nil {
		return nil, err
	}
	if err = takePart(part); err != nil {
		part.Close()
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return part, nil
}

func takePart(part *os.File) error {
	if err := lockFile(part); err != nil {
		return err
	}
	mine, err := part.Stat()
	if err != nil {
		return err
	}
	if !mine.Mode().IsRegular() {
		return errors.New("not a regular file")
	}
	named, err := os.Lstat(part.Name())
	if err != nil || !os.SameFile(mine, named) {
		return ErrGetBusy // another get has just finished with it
	}
	return part.Chmod(0o600)
}

// read fills buf from what an earlier try left after the good bytes, and
// reports whether there was enough. A stream has nothing.
func (o *output) read(buf []byte) (bool, error) {
	if o.part == nil {
		return false, nil
	}
	_, err := o.part.ReadAt(buf, o.written)
	if errors.Is(err, io.EOF) {
		if info, statErr := o.part.Stat(); statErr == nil && info.Size() >= o.written+int64(len(buf)) && info.Size() > 0 {
			return true, nil
		}
		return false, o.cut()
	}
	return err == nil, err
}

// accept counts bytes that were read and found good.
func (o *output) accept(n int) { o.written += int64(n) }

// cut drops everything after the good bytes.
func (o *output) cut() error { return o.part.Truncate(o.written) }

// Write appends to the good bytes.
func (o *output) Write(b []byte) (n int, err error) {
	if o.part == nil {
		n, err = o.stream.Write(b)
	} else {
		n, err = o.part.WriteAt(b, o.written)
	}
	o.written += int64(n)
	return n, err
}

// finish makes the file durable, gives it its mode and time, and its name last.
func (o *output) finish(ctx context.Context, p shard.Private) error {
	if o.part == nil {
		return nil
	}
	if err := o.cut(); err != nil {
		return err
	}
	if p.Folder {
		return o.unpack(ctx, p)
	}
	if err := o.part.Chmod(fs.FileMode(p.Mode) & fs.ModePerm); err != nil {
		return err
	}
	if err := os.Chtimes(o.part.Name(), p.Modified(), p.Modified()); err != nil {
		return err
	}
	if err := o.part.Sync(); err != nil {
		return err
	}
	if renameClosed {
		if err := o.part.Close(); err != nil {
			return err
		}
	}
	if err := o.rename(); err != nil {
		return err
	}
	return disk.SyncFolder(filepath.Dir(o.path))
}

// rename puts the file into its place. Without force it never replaces one that
// appeared in the meantime: a hard link fails where a rename would not.
func (o *output) rename() error {
	if o.force {
		return os.Rename(o.part.Name(), o.path)
	}
	err := os.Link(o.part.Name(), o.path)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", o.path, ErrExists)
	}
	if err != nil { // a file system without hard links
		return os.Rename(o.part.Name(), o.path)
	}
	return os.Remove(o.part.Name())
}

func (o *output) close() error {
	if o.part == nil {
		return nil
	}
	if err := o.part.Close(); !errors.Is(err, os.ErrClosed) {
		return err
	}
	return nil
}
