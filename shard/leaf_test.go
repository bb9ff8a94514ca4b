package shard

import (
	"bytes"
	"encoding/binary"
	"testing"

	"lukechampine.com/blake3/bao"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/wire"
)

// leafLengths are lengths at which a tree changes its form.
var leafLengths = []int{
	1, 2, 1023, 1024, 1025, LeafSize - 1, LeafSize, LeafSize + 1, 2 * LeafSize, 2*LeafSize + 1, 3 * LeafSize,
	5*LeafSize - 1, 1<<20 - 1, 1 << 20, 1<<20 + 1, MaxShardLength - 1, MaxShardLength,
}

// tree returns the bao encoding of data and its root.
func tree(data []byte) ([]byte, ID) {
	encoded, root := bao.EncodeBuf(data, leafGroup, false)
	return encoded, root
}

func sliceOf(tb tester, encoded []byte, length, leaf int) []byte {
	tb.Helper()
	from := leaf * LeafSize
	var slice bytes.Buffer
	check(tb, bao.ExtractSlice(&slice, bytes.NewReader(encoded), nil, leafGroup, uint64(from), uint64(min(LeafSize, length-from))))
	return slice.Bytes()
}

func TestVerifyLeaf(t *testing.T) {
	for _, length := range leafLengths {
		data := pattern(length)
		encoded, root := tree(data)
		if root != Sum(data) {
			t.Fatalf("%d bytes: the root is not the shard's id", length)
		}
		last := Leaves(length) - 1
		for _, leaf := range []int{0, last / 2, last} {
			slice := sliceOf(t, encoded, length, leaf)
			if len(slice) > MaxSlice {
				t.Errorf("%d bytes, leaf %d: slice of %d, MaxSlice is %d", length, leaf, len(slice), MaxSlice)
			}
			got, err := VerifyLeaf(root, length, uint32(leaf), slice)
			check(t, err)
			if !bytes.Equal(got, data[leaf*LeafSize:min((leaf+1)*LeafSize, length)]) {
				t.Errorf("%d bytes, leaf %d: other bytes", length, leaf)
			}
		}
		for _, leaf := range []uint32{uint32(last) + 1, 1 << 31, 1<<32 - 1} {
			_, err := VerifyLeaf(root, length, leaf, sliceOf(t, encoded, length, last))
			wantErr(t, err, wire.ErrBadRequest)
		}
	}
}

func TestLeaves(t *testing.T) {
	for length, want := range map[int]int{0: 1, 1: 1, LeafSize: 1, LeafSize + 1: 2, MaxShardLength - 1: 1024, MaxShardLength: 1024} {
		if got := Leaves(length); got != want {
			t.Errorf("%d bytes have %d leaves, want %d", length, got, want)
		}
	}
}

// bao believes the length in a slice's header: a host could prove the leaves of
// a longer or a shorter shard.
func TestVerifyLeafChecksTheLength(t *testing.T) {
	for _, length := range leafLengths {
		if length > 1<<20+1 {
			continue
		}
		encoded, root := tree(pattern(length))
		slice := sliceOf(t, encoded, length, 0)
		for _, lie := range []int{length - 1, length + 1, 2 * length, length + LeafSize, 1 << 40} {
			forged := bytes.Clone(slice)
			binary.LittleEndian.PutUint64(forged, uint64(lie))
			_, err := VerifyLeaf(root, length, 0, forged)
			wantErr(t, err, wire.ErrDamaged)
			if lie >= 1 { // the same slice, to one who thinks that the shard has another length
				if _, err := VerifyLeaf(root, lie, 0, slice); err == nil {
					t.Errorf("a shard of %d bytes passes for one of %d", length, lie)
				}
			}
		}
	}
}

func TestVerifyLeafRefusesEveryFlippedByte(t *testing.T) {
	for _, length := range []int{1, 1000, LeafSize, 3*LeafSize + 100} {
		encoded, root := tree(pattern(length))
		leaf := Leaves(length) - 1
		slice := sliceOf(t, encoded, length, leaf)
		for i := range slice {
			bit := byte(1) << (i % 8)
			slice[i] ^= bit
			if _, err := VerifyLeaf(root, length, uint32(leaf), slice); err == nil {
				t.Fatalf("%d bytes: byte %d of %d may be flipped", length, i, len(slice))
			}
			slice[i] ^= bit
		}
		for _, cut := range [][]byte{nil, slice[:7], slice[:8], slice[:len(slice)-1], append(bytes.Clone(slice), 0), append([]byte{0}, slice...)} {
			_, err := VerifyLeaf(root, length, uint32(leaf), cut)
			wantErr(t, err, wire.ErrDamaged)
		}
	}
}

// A slice proves one leaf of one shard, and no other.
func TestVerifyLeafProvesOneLeaf(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		length := rapid.IntRange(1, 20*LeafSize).Draw(rt, "length")
		data := pattern(length)
		encoded, root := tree(data)
		leaf := rapid.IntRange(0, Leaves(length)-1).Draw(rt, "leaf")
		asked := rapid.IntRange(0, Leaves(length)-1).Draw(rt, "asked")
		slice := sliceOf(rt, encoded, length, leaf)
		got, err := VerifyLeaf(root, length, uint32(asked), slice)
		if (err == nil) != (leaf == asked) {
			rt.Fatalf("leaf %d of %d passes for %d: %v", leaf, Leaves(length), asked, err)
		}
		if err == nil && !bytes.Equal(got, data[leaf*LeafSize:min((leaf+1)*LeafSize, length)]) {
			rt.Fatal("other bytes")
		}
		data[length-1] ^= 1
		if _, err := VerifyLeaf(Sum(data), length, uint32(leaf), slice); err == nil {
			rt.Fatal("a slice of another shard passes")
		}
	})
}

func FuzzVerifyLeaf(f *testing.F) {
	data := pattern(3*LeafSize + 100)
	encoded, root := tree(data)
	for leaf := range Leaves(len(data)) {
		f.Add(uint32(leaf), sliceOf(f, encoded, len(data), leaf))
	}
	f.Fuzz(func(t *testing.T, leaf uint32, slice []byte) {
		got, err := VerifyLeaf(root, len(data), leaf, slice)
		if from := int(leaf) * LeafSize; err == nil && !bytes.Equal(got, data[from:min(from+LeafSize, len(data))]) {
			t.Fatal("other bytes pass")
		}
	})
}
