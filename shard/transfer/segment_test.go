package transfer

import (
	"testing"

	"github.com/batchain/batchain/shard"
)

// Copies of a segment are in memory once; of other schemes each shard is.
func TestCopiesShareTheirMemory(t *testing.T) {
	for scheme, slab := range map[shard.Scheme]int{
		{Data: 1, Parity: 0}: 1 << 10, {Data: 1, Parity: 4}: 1 << 10, {Data: 2, Parity: 3}: 5 << 9,
	} {
		p := &put{scheme: scheme}
		if got := p.slabLength(1 << 10); got != slab {
			t.Errorf("%s: a slab of %d bytes, want %d", scheme, got, slab)
		}
		places := map[*byte]bool{}
		shards := p.cut(make([]byte, slab), scheme.ShardLength(1<<10))
		for _, s := range shards {
			if places[&s[0]] = true; len(s) != scheme.ShardLength(1<<10) || cap(s) != len(s) {
				t.Errorf("%s: a shard of %d bytes, and room for %d", scheme, len(s), cap(s))
			}
		}
		want := scheme.Shards()
		if scheme.Data == 1 {
			want = 1
		}
		if len(shards) != scheme.Shards() || len(places) != want {
			t.Errorf("%s: %d shards in %d places", scheme, len(shards), len(places))
		}
	}
}
