package store

import (
	"encoding/binary"
	"fmt"
	"io"
	"math/bits"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Prove returns a Bao slice over one leaf of a stored shard, as
// [shard.VerifyLeaf] takes it: at most [shard.MaxSlice] bytes, read from where
// they lie without the rest of the shard, unless somebody wrote to the file. It
// has been checked when it is returned.
//
// Errors: [wire.ErrNotFound], [wire.ErrBadRequest] (the shard has no such
// leaf), and [wire.ErrDamaged] when the file does not prove the leaf: then, or
// if it was found so before, the shard is in quarantine.
func (s *Store) Prove(id shard.ID, leaf uint32) (slice []byte, err error) {
	slice, err = s.prove(id, leaf)
	if err != nil {
		return nil, fmt.Errorf("prove leaf %d of %s: %w", leaf, id, err)
	}
	return slice, nil
}

func (s *Store) prove(id shard.ID, leaf uint32) ([]byte, error) {
	row, err := s.row(id)
	if err != nil {
		return nil, err
	}
	length := row.Length
	if int64(leaf) >= int64(shard.Leaves(int(length))) {
		return nil, wire.ErrBadRequest.With("leaf %d of %d", leaf, shard.Leaves(int(length)))
	}
	if err := s.intact(id, row); err != nil {
		return nil, err
	}
	f, err := s.openWhole(id, length)
	if err != nil {
		return nil, err
	}
	slice, err := extractLeaf(f, length, leaf)
	f.Close()
	if err == nil {
		_, err = shard.VerifyLeaf(id, int(length), leaf, slice)
	}
	if err == nil {
		return slice, nil
	}
	s.logger.Warn("a leaf is damaged", "shard", id, "leaf", leaf, "err", err)
	s.quarantine(id)
	return nil, wire.ErrDamaged
}

// extractLeaf reads the slice of one leaf out of a shard's file: the length,
// the tree's nodes from the root down to the leaf, and the leaf.
func extractLeaf(file io.ReaderAt, length, leaf uint32) ([]byte, error) {
	slice := binary.LittleEndian.AppendUint64(make([]byte, 0, shard.MaxSlice), uint64(length))
	leaves, at := shard.Leaves(int(length)), int(leaf)
	node := int64(length) + 8 // where the node over leaves lies
	for leaves > 1 {
		var err error
		if slice, err = appendAt(slice, file, node, 64); err != nil {
			return nil, err
		}
		left := leftLeaves(leaves)
		if at < left {
			node, leaves = node+64, left
		} else {
			node, leaves, at = node+64*int64(left), leaves-left, at-left
		}
	}
	from := int64(leaf) * groupSize
	return appendAt(slice, file, from, min(groupSize, int(int64(length)-from)))
}

func appendAt(slice []byte, file io.ReaderAt, from int64, n int) ([]byte, error) {
	end := len(slice) + n
	_, err := file.ReadAt(slice[len(slice):end], from)
	return slice[:end], err
}

// leftLeaves is how many of several leaves are on the left side of the node
// over them: the largest power of two that leaves a right side.
func leftLeaves(leaves int) int { return 1 << (bits.Len(uint(leaves-1)) - 1) }
