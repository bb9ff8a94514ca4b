package store

import (
	"bytes"
	"testing"

	"github.com/zeebo/blake3"
	"lukechampine.com/blake3/bao"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
)

const groupLog = 4

func hashTree(data []byte) (shard.ID, []byte) {
	h := newTreeHash(int64(len(data)))
	buf := make([]byte, bufferSize)
	for rest := data; len(rest) > 0; {
		n := copy(buf, rest)
		h.add(buf[:n])
		rest = rest[n:]
	}
	return h.finish()
}

func TestTreeIsBao(t *testing.T) {
	lengths := []int{1, 63, 1024, 1025, groupSize - 1, groupSize, groupSize + 1, 2 * groupSize, 3*groupSize + 5, bufferSize, bufferSize + 1, 1 << 20, 1<<20 + 64}
	check := func(t interface{ Fatalf(string, ...any) }, n int) {
		data := randomBytes(n)
		want, root := bao.EncodeBuf(data, groupLog, true)
		id, tree := hashTree(data)
		if id != root || id != shard.Sum(data) || !bytes.Equal(tree, want) {
			t.Fatalf("%d bytes: root or tree differs from bao", n)
		}
		if int64(len(tree)) != treeSize(int64(n)) || len(tree) != bao.EncodedSize(n, groupLog, true) {
			t.Fatalf("%d bytes: tree of %d bytes, %d expected", n, len(tree), treeSize(int64(n)))
		}
	}
	for _, n := range lengths {
		check(t, n)
	}
	rapid.Check(t, func(t *rapid.T) { check(t, rapid.IntRange(1, 40*groupSize).Draw(t, "length")) })
}

// TestTreeProves takes a proof out of a stored file, as an audit will.
func TestTreeProves(t *testing.T) {
	data := randomBytes(10*groupSize + 100)
	id, tree := hashTree(data)
	for _, leaf := range []int{0, 7, 10} {
		group := data[leaf*groupSize : min((leaf+1)*groupSize, len(data))]
		if !bao.VerifyChunk(group, tree, groupLog, uint64(leaf*groupSize), id) {
			t.Errorf("leaf %d does not verify", leaf)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	data := randomBytes(2 << 20)
	b.Run("tree", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			h := newTreeHash(int64(len(data)))
			for at := 0; at < len(data); at += bufferSize {
				h.add(data[at : at+bufferSize])
			}
			h.finish()
		}
	})
	b.Run("bao", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			bao.EncodeBuf(data, groupLog, true)
		}
	})
	b.Run("plain", func(b *testing.B) {
		b.SetBytes(int64(len(data)))
		for b.Loop() {
			h := blake3.New()
			for at := 0; at < len(data); at += bufferSize {
				h.Write(data[at : at+bufferSize])
			}
			h.Sum(nil)
		}
	})
}
