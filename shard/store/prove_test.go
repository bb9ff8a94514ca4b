package store

import (
	"bytes"
	"errors"
	"os"
	"testing"

	"lukechampine.com/blake3/bao"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// fileOf is data as the store keeps it.
func fileOf(data []byte) (shard.ID, []byte) {
	id, tree := hashTree(data)
	return id, append(bytes.Clone(data), tree...)
}

// countingReader counts what is read of a file.
type countingReader struct {
	*bytes.Reader
	read int
}

func (r *countingReader) ReadAt(p []byte, at int64) (int, error) {
	n, err := r.Reader.ReadAt(p, at)
	r.read += n
	return n, err
}

// TestSliceIsBao compares the slice of a leaf with what bao cuts out, and
// checks that no more than the slice was read.
func TestSliceIsBao(t *testing.T) {
	check := func(t interface{ Fatalf(string, ...any) }, n, leaf int) {
		data := randomBytes(n)
		id, file := fileOf(data)
		r := &countingReader{Reader: bytes.NewReader(file)}
		slice, err := extractLeaf(r, uint32(n), uint32(leaf))
		if err != nil || r.read != len(slice)-8 {
			t.Fatalf("%d bytes, leaf %d: read %d for a slice of %d: %v", n, leaf, r.read, len(slice), err)
		}
		from, to := leaf*groupSize, min((leaf+1)*groupSize, n)
		var want bytes.Buffer
		err = bao.ExtractSlice(&want, bytes.NewReader(data[from:]), bytes.NewReader(file[n:]), groupLog, uint64(from), uint64(to-from))
		if err != nil || !bytes.Equal(slice, want.Bytes()) {
			t.Fatalf("%d bytes, leaf %d: slice of %d differs from bao's of %d: %v", n, leaf, len(slice), want.Len(), err)
		}
		got, err := shard.VerifyLeaf(id, n, uint32(leaf), slice)
		if err != nil || !bytes.Equal(got, data[from:to]) {
			t.Fatalf("%d bytes, leaf %d does not verify: %v", n, leaf, err)
		}
	}
	for _, n := range []int{1, 64, groupSize - 1, groupSize, groupSize + 1, 2 * groupSize, 3*groupSize + 5, shard.MaxShardLength - 1, shard.MaxShardLength} {
		for _, leaf := range []int{0, shard.Leaves(n) / 2, shard.Leaves(n) - 1} {
			check(t, n, leaf)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 40*groupSize).Draw(t, "length")
		check(t, n, rapid.IntRange(0, shard.Leaves(n)-1).Draw(t, "leaf"))
	})
}

func TestProve(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	data := randomBytes(5*groupSize + 7)
	lot := o.lot(t, data, 0, 0)
	mustReceive(t, h.store, lot, data)
	for leaf := range uint32(6) {
		slice, err := h.store.Prove(lot.Offer.Shard, leaf)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := shard.VerifyLeaf(lot.Offer.Shard, len(data), leaf, slice); err != nil {
			t.Error(err)
		}
	}
	if _, err := h.store.Prove(lot.Offer.Shard, 6); !errors.Is(err, wire.ErrBadRequest) {
		t.Errorf("a leaf past the end: %v", err)
	}
	if _, err := h.store.Prove(shard.ID{1}, 0); !errors.Is(err, wire.ErrNotFound) {
		t.Errorf("an unknown shard: %v", err)
	}
	checkWhole(t, h.store)
}

// flip changes one byte of a file behind the store's back.
func flip(t testing.TB, path string, at int64) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b := make([]byte, 1)
	if _, err := f.ReadAt(b, at); err != nil {
		t.Fatal(err)
	}
	b[0] ^= 1
	if _, err := f.WriteAt(b, at); err != nil {
		t.Fatal(err)
	}
}

// TestProveDamaged asks for leaves of a file in which one byte has changed, of
// its bytes or of its tree. Those that lead past it are refused, and the shard
// is in quarantine from then on.
func TestProveDamaged(t *testing.T) {
	const length = 5*groupSize + 7
	for name, c := range map[string]struct {
		at  int64
		bad uint32
	}{
		"first byte":   {0, 0},
		"last byte":    {length - 1, 5},
		"root":         {length + 8 + 5, 3},
		"inner node":   {length + 8 + 2*64 + 40, 1},
		"last of tree": {length + 8 + 5*64 - 1, 5},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			o := newOwner(t, 1)
			data := randomBytes(length)
			lot := o.lot(t, data, 0, 0)
			id := lot.Offer.Shard
			mustReceive(t, h.store, lot, data)
			flip(t, h.store.path(id), c.at)
			if _, err := h.store.Prove(id, c.bad); !errors.Is(err, wire.ErrDamaged) {
				t.Fatalf("a damaged leaf: %v", err)
			}
			checkQuarantined(t, h.store, o, id)
			mustReceive(t, h.store, lot, data)
			if _, err := h.store.Prove(id, c.bad); err != nil {
				t.Errorf("after it was brought again: %v", err)
			}
			checkWhole(t, h.store)
		})
	}
}
