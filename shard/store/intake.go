package store

import (
	"context"
	"io"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// bufferSize is the bytes read from a peer and written to the disk at a time:
// a multiple of groupSize.
const bufferSize = 128 << 10

// intake moves one shard's bytes from a peer to a temporary file and hashes
// them on the way.
type intake struct {
	store  *Store
	file   tempFile
	hash   *treeHash
	length int64
	kept   int64 // bytes of an earlier try
	at     int64 // bytes in the file
}

func (in *intake) run(ctx context.Context, ready func(int64) (io.Reader, error)) error {
	buf := in.store.buffers.Get().(*[bufferSize]byte)
	defer in.store.buffers.Put(buf)
	if err := in.rehash(ctx, buf[:]); err != nil {
		return err
	}
	from, err := ready(in.at)
	if err != nil {
		return &brokenError{err}
	}
	for in.at < in.length {
		n, err := io.ReadFull(from, buf[:min(bufferSize, in.length-in.at)])
		if _, refused := in.file.Write(buf[:n]); refused != nil {
			return diskRefused(refused)
		}
		in.at += int64(n)
		if err == nil {
			err = ctx.Err()
		}
		if err != nil {
			return &brokenError{err}
		}
		in.hash.add(buf[:n])
		in.store.at("bytes written")
	}
	return nil
}

// rehash reads what an earlier try left, whole groups of it, and cuts the rest
// off.
func (in *intake) rehash(ctx context.Context, buf []byte) error {
	for in.at < in.kept && ctx.Err() == nil {
		n, err := io.ReadFull(in.file, buf[:min(int64(len(buf)), in.kept-in.at)])
		if err != nil {
			n -= n % groupSize
			in.kept = in.at + int64(n)
		}
		in.hash.add(buf[:n])
		in.at += int64(n)
	}
	if err := ctx.Err(); err != nil {
		in.at = in.kept
		return &brokenError{err}
	}
	if err := in.file.Truncate(in.at); err != nil {
		return diskRefused(err)
	}
	if _, err := in.file.Seek(in.at, io.SeekStart); err != nil {
		return diskRefused(err)
	}
	return nil
}

// seal checks the shard and syncs it with its tree.
func (in *intake) seal(id shard.ID) error {
	root, tree := in.hash.finish()
	if root != id {
		return wire.ErrDamaged
	}
	if _, err := in.file.Write(tree); err != nil {
		return diskRefused(err)
	}
	in.store.at("tree written")
	if err := in.file.Sync(); err != nil {
		return diskRefused(err)
	}
	in.store.at("temp synced")
	return nil
}

// keep cuts the file to whole groups, syncs it, and returns its length.
func (in *intake) keep() int64 {
	kept := in.at - in.at%groupSize
	if kept == 0 || in.file.Truncate(kept) != nil || in.file.Sync() != nil {
		return 0
	}
	return kept
}
