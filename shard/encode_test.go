package shard

import (
	"bytes"
	"errors"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/wire"
)

// encoded returns a buffer with the shards of sealed, encoded, and their length.
func encoded(tb tester, c *Coder, s Scheme, sealed []byte) ([][]byte, int) {
	tb.Helper()
	length := s.ShardLength(len(sealed))
	buf := make([]byte, s.Shards()*length)
	copy(buf, sealed)
	shards := s.Split(buf, length)
	check(tb, c.Encode(shards))
	return shards, length
}

// without copies the shards, leaving those in lost empty, with capacity.
func without(shards [][]byte, lost func(int) bool) [][]byte {
	some := make([][]byte, len(shards))
	for i, shard := range shards {
		some[i] = make([]byte, 0, len(shard))
		if !lost(i) {
			some[i] = append(some[i], shard...)
		}
	}
	return some
}

func TestRebuildFromAnyDataShards(t *testing.T) {
	for _, s := range append(allSchemes(), Scheme{10, 0}, Scheme{10, 10}, Scheme{17, 3}, Scheme{200, 55}) {
		t.Run(s.String(), func(t *testing.T) {
			c, err := NewCoder(s)
			check(t, err)
			rapid.Check(t, func(rt *rapid.T) {
				sealed := drawPlain(rt)
				sealed = append(sealed, make([]byte, SealOverhead)...)
				order := rapid.Permutation(indices(s.Shards())).Draw(rt, "order")
				lost := map[int]bool{}
				for _, i := range order[:rapid.IntRange(0, s.Parity).Draw(rt, "lost")] {
					lost[i] = true
				}
				shards, length := encoded(t, c, s, sealed)
				some := without(shards, func(i int) bool { return lost[i] })
				if err := c.Rebuild(some); err != nil {
					rt.Fatal(err)
				}
				got := bytes.Join(some[:s.Data], nil)
				if len(got) != s.Data*length || !bytes.Equal(got[:len(sealed)], sealed) {
					rt.Fatalf("%s, %d bytes without %v: rebuilt others", s, len(sealed), lost)
				}
				for _, pad := range got[len(sealed):] {
					if pad != 0 {
						rt.Fatal("padding is not zero")
					}
				}
				// A lost parity shard comes back by encoding once more.
				again := s.Split(make([]byte, s.Shards()*length), length)
				for i := range s.Data {
					copy(again[i], some[i])
				}
				check(t, c.Encode(again))
				if !bytes.Equal(bytes.Join(again, nil), bytes.Join(shards, nil)) {
					rt.Fatal("encoding what was rebuilt gives other shards")
				}
			})
		})
	}
}

func indices(n int) []int {
	all := make([]int, n)
	for i := range all {
		all[i] = i
	}
	return all
}

func TestRebuildFromEverySubset(t *testing.T) {
	for _, s := range []Scheme{{1, 0}, {1, 4}, {2, 3}, {4, 4}, {3, 0}} {
		c, err := NewCoder(s)
		check(t, err)
		shards, _ := encoded(t, c, s, pattern(1000))
		want := bytes.Join(shards[:s.Data], nil)
		for present := range uint(1) << s.Shards() {
			some := without(shards, func(i int) bool { return present>>i&1 == 0 })
			err := c.Rebuild(some)
			switch {
			case bits.OnesCount(present) < s.Data:
				wantErr(t, err, wire.ErrDamaged)
			case err != nil:
				t.Fatalf("%s, present %b: %v", s, present, err)
			case !bytes.Equal(bytes.Join(some[:s.Data], nil), want):
				t.Fatalf("%s, present %b: rebuilt others", s, present)
			}
		}
	}
}

func TestRebuildWritesIntoTheCapacityGiven(t *testing.T) {
	s := Scheme{4, 4}
	c, err := NewCoder(s)
	check(t, err)
	shards, length := encoded(t, c, s, pattern(4<<10))
	buf := make([]byte, s.Shards()*length)
	some := s.Split(buf, length)
	for i := range some {
		if copy(some[i], shards[i]); i < 4 && i != 2 {
			clear(some[i])
			some[i] = some[i][:0]
		}
	}
	check(t, c.Rebuild(some))
	if !bytes.Equal(buf[:4<<10], pattern(4<<10)) {
		t.Fatal("the rebuilt shards lie elsewhere")
	}
}

func TestSplitKeepsShardsApart(t *testing.T) {
	s := Scheme{2, 1}
	shards := s.Split(make([]byte, 3*64), 64)
	_ = append(shards[0], 1)
	if shards[1][0] != 0 {
		t.Fatal("appending to a shard writes into the next")
	}
}

func TestNewCoderRefuses(t *testing.T) {
	for _, s := range []Scheme{{}, {0, 3}, {-1, 3}, {3, -1}, {200, 56}, {1 << 62, 1 << 62}} {
		if _, err := NewCoder(s); !errors.Is(err, ErrScheme) {
			t.Errorf("%v: %v", s, err)
		}
	}
}

func TestSealedFileSurvivesTheLossOfParityHosts(t *testing.T) {
	for _, s := range allSchemes() {
		c, err := NewCoder(s)
		check(t, err)
		sealer := NewSealer(fixedSeed().FileKey(fixedFile()), fixedFile())
		plain := pattern(70_001)
		sealed := sealer.Seal(bytes.Clone(plain), 0, true, fixedNonce(0))
		shards, _ := encoded(t, c, s, sealed)
		some := without(shards, func(i int) bool { return i < s.Parity }) // the worst: data goes first
		check(t, c.Rebuild(some))
		got, err := sealer.Open(bytes.Join(some[:s.Data], nil)[:len(sealed)], 0, true, fixedNonce(0))
		check(t, err)
		if !bytes.Equal(got, plain) {
			t.Fatalf("%s: another file came back", s)
		}
	}
}
