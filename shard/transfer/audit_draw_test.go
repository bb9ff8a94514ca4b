package transfer

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
)

// What a host drops is found as often as the numbers promise: over many draws,
// against the exact chance of drawing without replacement.
func TestDroppedBytesAreFound(t *testing.T) {
	const segments, draws = 200, 20000
	c := &contents{shards: 20}
	var held []holding
	for s := range uint32(segments) {
		c.add(make([]shard.ID, 20), 256<<10)
		held = append(held, newHolding(s, uint8(s%20)).with(verdictOK))
	}
	const total = segments * 16
	source := rand.New(rand.NewChaCha8([32]byte{7}))
	for name, dropped := range map[string]func(at holding, leaf uint32) bool{
		"the first 10 % of each shard": func(_ holding, leaf uint32) bool { return leaf*10 < 16 }, // 2 of 16
		"every tenth shard":            func(at holding, _ uint32) bool { return at.segment()%10 == 3 },
		"one leaf in ten":              func(at holding, leaf uint32) bool { return (at.segment()*16+leaf)%10 == 0 },
		"the last tenth":               func(at holding, _ uint32) bool { return at.segment() >= segments*9/10 },
	} {
		t.Run(name, func(t *testing.T) {
			lost := 0
			for _, at := range held {
				for leaf := range uint32(16) {
					if dropped(at, leaf) {
						lost++
					}
				}
			}
			miss := 1.0
			for i := range AuditLeaves {
				miss *= float64(total-lost-i) / float64(total-i)
			}
			found := 0
			for range draws {
				all := drawLeaves(c, held, AuditLeaves, source)
				if len(all) != AuditLeaves {
					t.Fatalf("%d leaves", len(all))
				}
				if slices.ContainsFunc(all, func(x challenge) bool { return dropped(x.place, x.leaf) }) {
					found++
				}
			}
			got, want := float64(found)/draws, 1-miss
			if sigma := math.Sqrt(want * miss / draws); math.Abs(got-want) > 5*sigma || want < 0.99 {
				t.Errorf("%d of %d leaves are gone: found in %.4f of the audits, expected %.4f ± %.4f", lost, total, got, want, sigma)
			}
		})
	}
}

// Every leaf is as likely as any other, also where shards are of different
// lengths, and none comes twice.
func TestDrawsAreFair(t *testing.T) {
	c := &contents{shards: 3}
	var held []holding
	total := 0
	for s, length := range []int{64, 16 << 10, 5 << 14, 100, 3<<14 + 1} {
		c.add(make([]shard.ID, 3), length)
		for i := range uint8(2) {
			held = append(held, newHolding(uint32(s), i).with(verdictOK))
			total += shard.Leaves(length)
		}
	}
	held[1] = held[1].with(verdictMissing) // is not asked for
	total--
	const draws, count = 30000, 7
	source := rand.New(rand.NewChaCha8([32]byte{9}))
	hits := map[string]int{}
	for range draws {
		seen := map[string]bool{}
		for _, x := range drawLeaves(c, held, count, source) {
			name := fmt.Sprint(x.place, x.leaf)
			if seen[name] {
				t.Fatalf("%s twice", name)
			}
			seen[name] = true
			hits[name]++
		}
	}
	want := float64(draws) * count / float64(total)
	if len(hits) != total {
		t.Errorf("%d leaves of %d were ever drawn", len(hits), total)
	}
	for name, n := range hits {
		if math.Abs(float64(n)-want) > 6*math.Sqrt(want) {
			t.Errorf("leaf %s: %d times, %.0f expected", name, n, want)
		}
	}
}

func TestDrawNumbers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		total, count := rapid.Int64Range(0, 1<<40).Draw(t, "total"), rapid.IntRange(0, 300).Draw(t, "count")
		got := drawNumbers(total, count, rand.New(rand.NewPCG(1, rapid.Uint64().Draw(t, "seed"))))
		if int64(len(got)) != min(total, int64(count)) || !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
			t.Fatalf("%d of %d below %d: %v", len(got), count, total, got)
		}
		if len(got) > 0 && (got[0] < 0 || got[len(got)-1] >= total) {
			t.Fatalf("out of bounds: %v", got)
		}
	})
}
