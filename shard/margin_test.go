package shard

import (
	"math/bits"
	"testing"

	"pgregory.net/rapid"
)

// spread places the shards of s on hosts in turn.
func spread(s Scheme, hosts int) []Placement {
	placed := make([]Placement, s.Shards())
	for i := range placed {
		placed[i] = Placement{Index: uint8(i), Host: uint16(i % hosts)}
	}
	return placed
}

func TestMargin(t *testing.T) {
	for name, row := range map[string]struct {
		scheme Scheme
		placed []Placement
		want   int
	}{
		"nothing":                  {Scheme{4, 4}, nil, -1},
		"nothing, copies":          {Scheme{1, 2}, nil, -1},
		"full 8+12":                {Scheme{8, 12}, spread(Scheme{8, 12}, 20), 12},
		"full 1+0":                 {Scheme{1, 0}, spread(Scheme{1, 0}, 1), 0},
		"full 1+2":                 {Scheme{1, 2}, spread(Scheme{1, 2}, 3), 2},
		"colocated 4+4 on 2":       {Scheme{4, 4}, spread(Scheme{4, 4}, 2), 1},
		"colocated 4+4 on 3":       {Scheme{4, 4}, spread(Scheme{4, 4}, 3), 1},
		"colocated 4+4 on 4":       {Scheme{4, 4}, spread(Scheme{4, 4}, 4), 2},
		"colocated 4+4 on 1":       {Scheme{4, 4}, spread(Scheme{4, 4}, 1), 0},
		"exactly data":             {Scheme{4, 4}, spread(Scheme{4, 4}, 8)[:4], 0},
		"one too few":              {Scheme{4, 4}, spread(Scheme{4, 4}, 8)[:3], -1},
		"one lost":                 {Scheme{4, 4}, spread(Scheme{4, 4}, 8)[1:], 3},
		"copies on one host":       {Scheme{1, 2}, spread(Scheme{1, 2}, 1), 0},
		"copies, one index":        {Scheme{1, 2}, []Placement{{0, 1}, {0, 2}, {0, 3}}, 2},
		"same index four times":    {Scheme{4, 4}, []Placement{{0, 1}, {0, 2}, {0, 3}, {0, 4}}, -1},
		"one said twice":           {Scheme{2, 2}, append(spread(Scheme{2, 2}, 4), spread(Scheme{2, 2}, 4)...), 2},
		"uneven: the big go first": {Scheme{2, 3}, []Placement{{0, 0}, {1, 0}, {2, 0}, {3, 1}, {4, 2}}, 1},
	} {
		if got := Margin(row.scheme, row.placed); got != row.want {
			t.Errorf("%s: margin %d, want %d", name, got, row.want)
		}
	}
}

// Margin never promises more than trying every set of lost hosts shows, and is
// exact where no index lies at two hosts.
func TestMarginAgainstEverySetOfLostHosts(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Scheme{Data: rapid.IntRange(1, 4).Draw(t, "data"), Parity: rapid.IntRange(0, 4).Draw(t, "parity")}
		hosts := rapid.IntRange(1, 7).Draw(t, "hosts")
		placed := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Placement {
			return Placement{
				Index: uint8(rapid.IntRange(0, s.Shards()-1).Draw(t, "index")),
				Host:  uint16(rapid.IntRange(0, hosts-1).Draw(t, "host")),
			}
		}), 0, 12).Draw(t, "placed")
		got, want := Margin(s, placed), bruteMargin(s, placed, hosts)
		single := map[uint8]uint16{}
		exact := true
		for _, p := range placed {
			if host, ok := single[p.Index]; ok && host != p.Host {
				exact = false
			}
			single[p.Index] = p.Host
		}
		if got > want || (got != want && (exact || s.Data == 1)) || (got < 0) != (want < 0) {
			t.Fatalf("%s %v: margin %d, truly %d", s, placed, got, want)
		}
	})
}

// bruteMargin tries every set of hosts that hold anything.
func bruteMargin(s Scheme, placed []Placement, hosts int) int {
	alive := uint(0)
	for _, p := range placed {
		alive |= 1 << p.Host
	}
	margin := bits.OnesCount(alive)
	for lost := range uint(1) << hosts {
		left := map[uint8]bool{}
		for _, p := range placed {
			if lost>>p.Host&1 == 0 {
				left[p.Index] = true
			}
		}
		enough := len(left) >= s.Data
		if lost&^alive == 0 && !enough {
			margin = min(margin, bits.OnesCount(lost)-1)
		}
	}
	return margin
}
