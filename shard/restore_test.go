package shard

import (
	"bytes"
	"math/bits"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/wire"
)

// restored fails the test unless some, restored for want, has the shards that
// are present or wanted and no others.
func restored(tb tester, c *Coder, shards [][]byte, present func(int) bool, want []int) {
	tb.Helper()
	some := without(shards, func(i int) bool { return !present(i) })
	if err := c.Restore(some, want); err != nil {
		tb.Fatalf("%s, want %v: %v", c.scheme, want, err)
	}
	wanted := map[int]bool{}
	for _, i := range want {
		wanted[i] = true
	}
	for i := range some {
		switch {
		case (wanted[i] || present(i)) && !bytes.Equal(some[i], shards[i]):
			tb.Fatalf("%s, want %v: shard %d is another", c.scheme, want, i)
		case !wanted[i] && !present(i) && len(some[i]) > 0:
			tb.Fatalf("%s, want %v: shard %d came too", c.scheme, want, i)
		}
	}
}

func TestRestoreFromEverySubset(t *testing.T) {
	for _, s := range []Scheme{{1, 0}, {1, 3}, {2, 1}, {2, 3}, {3, 3}, {3, 0}} {
		c, err := NewCoder(s)
		check(t, err)
		shards, _ := encoded(t, c, s, pattern(1000))
		for present := range uint(1) << s.Shards() {
			for want := range uint(1) << s.Shards() {
				var list []int
				for i := range s.Shards() {
					if want>>i&1 == 1 {
						list = append(list, i)
					}
				}
				has := func(i int) bool { return present>>i&1 == 1 }
				if bits.OnesCount(present) >= s.Data {
					restored(t, c, shards, has, list)
					continue
				}
				wantErr(t, c.Restore(without(shards, func(i int) bool { return !has(i) }), list), wire.ErrDamaged)
			}
		}
	}
}

func TestRestoreFromAnyDataShards(t *testing.T) {
	for _, s := range []Scheme{{4, 4}, {4, 8}, {8, 12}, {8, 16}, {10, 10}, {20, 10}} {
		c, err := NewCoder(s)
		check(t, err)
		shards, _ := encoded(t, c, s, pattern(50_000))
		rapid.Check(t, func(rt *rapid.T) {
			order := rapid.Permutation(indices(s.Shards())).Draw(rt, "order")
			lost := order[:rapid.IntRange(0, s.Parity).Draw(rt, "lost")]
			wanted := rapid.IntRange(0, len(lost)).Draw(rt, "wanted")
			gone := map[int]bool{}
			for _, i := range lost {
				gone[i] = true
			}
			restored(rt, c, shards, func(i int) bool { return !gone[i] }, lost[:wanted])
		})
	}
}
