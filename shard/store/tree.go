package store

import (
	"encoding/binary"

	"lukechampine.com/blake3/guts"
)

// groupSize is the bytes under one leaf of a shard's tree: 16 chunks of
// BLAKE3, which is what its kernels take at a time.
const groupSize = guts.MaxSIMD * guts.ChunkSize

// treeSize is the bytes of the tree of a shard of length bytes.
func treeSize(length int64) int64 {
	groups := (length + groupSize - 1) / groupSize
	return 8 + 64*max(0, groups-1)
}

// diskSize is the bytes that a shard of length bytes takes on the disk.
func diskSize(length uint32) int64 { return int64(length) + treeSize(int64(length)) }

// treeHash computes the id and the tree of a shard in one pass. It gives what
// bao.Encode gives at group 4, but takes the bytes where they lie, and so is
// as fast as hashing alone.
type treeHash struct {
	length int64
	leaves [][8]uint32
	single guts.Node // the one group of a small shard
}

func newTreeHash(length int64) *treeHash {
	return &treeHash{length: length, leaves: make([][8]uint32, 0, (length+groupSize-1)/groupSize)}
}

// add takes the next bytes: whole groups, except at the end of the shard. The
// capacity of p must reach to the end of its last group; what lies there is
// read, but does not count.
func (h *treeHash) add(p []byte) {
	for len(p) > 0 {
		n := min(len(p), groupSize)
		group := (*[groupSize]byte)(p[:groupSize])
		counter := uint64(len(h.leaves)) * guts.MaxSIMD
		h.single = guts.CompressBuffer(group, n, &guts.IV, counter, 0)
		h.leaves = append(h.leaves, guts.ChainingValue(h.single))
		p = p[n:]
	}
}

// finish returns the root and the tree. All the length must have been added.
func (h *treeHash) finish() (root [32]byte, tree []byte) {
	tree = make([]byte, treeSize(h.length))
	binary.LittleEndian.PutUint64(tree, uint64(h.length))
	node := h.single
	if len(h.leaves) > 1 {
		node = h.parent(h.leaves, tree[8:])
	}
	node.Flags |= guts.FlagRoot
	putValue(root[:], guts.ChainingValue(node))
	return root, tree
}

// parent writes the nodes over leaves to tree, in pre-order, and returns the
// topmost.
func (h *treeHash) parent(leaves [][8]uint32, tree []byte) guts.Node {
	mid := leftLeaves(len(leaves))
	left := h.value(leaves[:mid], tree[64:])
	right := h.value(leaves[mid:], tree[64*mid:])
	putValue(tree[:32], left)
	putValue(tree[32:64], right)
	return guts.ParentNode(left, right, &guts.IV, 0)
}

func (h *treeHash) value(leaves [][8]uint32, tree []byte) [8]uint32 {
	if len(leaves) == 1 {
		return leaves[0]
	}
	return guts.ChainingValue(h.parent(leaves, tree))
}

func putValue(dst []byte, value [8]uint32) {
	for i, word := range value {
		binary.LittleEndian.PutUint32(dst[4*i:], word)
	}
}
