package replica

import (
	"encoding/binary"
	"testing"

	"github.com/zeebo/blake3"
	"pgregory.net/rapid"
)

// The hash depends on what is in, not on how it came to be.
func TestSetHashIsOfTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		members := rapid.SliceOfDistinct(rapid.Byte(), rapid.ID).Draw(t, "members")
		others := rapid.SliceOf(rapid.Byte()).Draw(t, "others")
		var one, two setHash
		for _, m := range members {
			one.add(digest{m, 1})
		}
		for _, o := range others {
			two.add(digest{o, 2})
		}
		for _, m := range rapid.Permutation(members).Draw(t, "order") {
			two.add(digest{m, 1})
		}
		for _, o := range others {
			if two == one {
				t.Fatal("a set with more in it has the same hash")
			}
			two.remove(digest{o, 2})
		}
		if one != two || one.root() != two.root() {
			t.Fatal("one set has two hashes")
		}
	})
}

// As the package comment draws it, from nothing of the code.
func TestSetHashAsDrawn(t *testing.T) {
	members := []digest{{1}, {2}}
	var sums [1024]uint16
	for _, m := range members {
		var lanes [2048]byte
		blake3.DeriveKey("batchain 2026 replica set member", m[:], lanes[:])
		for i := range sums {
			sums[i] += uint16(lanes[2*i]) | uint16(lanes[2*i+1])<<8
		}
	}
	var flat []byte
	for _, lane := range sums {
		flat = binary.LittleEndian.AppendUint16(flat, lane)
	}
	var h setHash
	for _, m := range members {
		h.add(m)
	}
	if h.root() != digest(blake3.Sum256(flat)) {
		t.Error("the root is another")
	}
}

func BenchmarkSetHash(b *testing.B) {
	var h setHash
	for b.Loop() {
		h.add(digest{1})
		_ = h.root()
	}
}
