package shard

import (
	"bytes"
	"fmt"
	"testing"
)

func BenchmarkSeal(b *testing.B) {
	s := NewSealer(fixedSeed().FileKey(fixedFile()), fixedFile())
	plain := make([]byte, MaxSegmentLength-SealOverhead, MaxSegmentLength)
	b.SetBytes(MaxSegmentLength)
	for b.Loop() {
		s.Seal(plain, 0, false, Nonce{})
	}
}

func BenchmarkOpen(b *testing.B) {
	s := NewSealer(fixedSeed().FileKey(fixedFile()), fixedFile())
	sealed := s.Seal(make([]byte, MaxSegmentLength-SealOverhead, MaxSegmentLength), 0, false, Nonce{})
	buf := make([]byte, len(sealed))
	b.SetBytes(MaxSegmentLength)
	for b.Loop() {
		copy(buf, sealed)
		if _, err := s.Open(buf, 0, false, Nonce{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	for _, s := range []Scheme{{2, 3}, {4, 8}, {8, 12}} {
		b.Run(fmt.Sprintf("%s of 16 MiB", s), func(b *testing.B) {
			c, err := NewCoder(s)
			check(b, err)
			shards, _ := encoded(b, c, s, pattern(MaxSegmentLength))
			b.SetBytes(MaxSegmentLength)
			for b.Loop() {
				check(b, c.Encode(shards))
			}
		})
	}
}

// The worst case: as many data shards are gone as there are parity shards.
func BenchmarkRebuild(b *testing.B) {
	s := Scheme{8, 12}
	c, err := NewCoder(s)
	check(b, err)
	shards, length := encoded(b, c, s, pattern(MaxSegmentLength))
	some := without(shards, func(i int) bool { return i < s.Data })
	b.SetBytes(MaxSegmentLength)
	for b.Loop() {
		for i := range s.Data {
			some[i] = some[i][:0]
		}
		check(b, c.Rebuild(some))
	}
	if !bytes.Equal(some[0], shards[0]) || len(some[0]) != length {
		b.Fatal("rebuilt others")
	}
}

func BenchmarkSum(b *testing.B) {
	data := pattern(MaxSegmentLength / 8)
	b.SetBytes(int64(len(data)))
	for b.Loop() {
		Sum(data)
	}
}
