package shard

import (
	"bytes"
	"encoding/binary"
	"fmt"

	"lukechampine.com/blake3/bao"

	"github.com/batchain/batchain/wire"
)

// leafGroup is the size of a leaf as bao counts: 2⁴ chunks of 1 KiB.
const leafGroup = 4

// MaxSlice is the most bytes of a proof for one leaf: the length header, ten
// parents (16 MiB is 2¹⁰ leaves) and the leaf.
const MaxSlice = 8 + 10*64 + LeafSize

// Leaves is how many leaves a shard of length bytes has.
func Leaves(length int) int { return max(1, (length+LeafSize-1)/LeafSize) }

// VerifyLeaf returns the bytes of one leaf of the shard id out of slice, a bao
// slice over groups of 16 KiB. It returns [wire.ErrDamaged], wrapped, unless
// the slice proves that these are the bytes of a shard of this very length:
// bao itself takes any length that a slice claims.
func VerifyLeaf(id ID, length int, leaf uint32, slice []byte) ([]byte, error) {
	if int64(leaf) >= int64(Leaves(length)) {
		return nil, fmt.Errorf("leaf %d of %d: %w", leaf, Leaves(length), wire.ErrBadRequest)
	}
	if len(slice) < 8 || len(slice) > MaxSlice || binary.LittleEndian.Uint64(slice) != uint64(length) {
		return nil, fmt.Errorf("proof of %d bytes for a shard of %d: %w", len(slice), length, wire.ErrDamaged)
	}
	from := uint64(leaf) * LeafSize
	want := min(LeafSize, uint64(length)-from)
	data, ok := bao.VerifySlice(slice, leafGroup, from, want, id)
	if !ok || len(data) != int(want) || !bytes.Equal(data, slice[len(slice)-len(data):]) {
		return nil, fmt.Errorf("proof of leaf %d does not lead to the shard's hash: %w", leaf, wire.ErrDamaged)
	}
	return data, nil
}
