package shard

import (
	"errors"
	"testing"

	"pgregory.net/rapid"
)

// allSchemes is every scheme that [SchemeFor] and [SmallScheme] give.
func allSchemes() []Scheme {
	var all []Scheme
	seen := map[Scheme]bool{}
	for hosts := 1; hosts <= 30; hosts++ {
		for _, s := range []Scheme{
			SchemeFor(hosts, DurabilityLow), SchemeFor(hosts, DurabilityNormal),
			SchemeFor(hosts, DurabilityArchive), SmallScheme(hosts),
		} {
			if !seen[s] {
				seen[s] = true
				all = append(all, s)
			}
		}
	}
	return all
}

func TestSchemeFor(t *testing.T) {
	for _, row := range []struct {
		from, to             int
		normal, low, archive string
	}{
		{1, 1, "1+0", "1+0", "1+0"},
		{2, 2, "1+1", "1+1", "1+1"},
		{3, 3, "1+2", "1+1", "1+2"},
		{4, 4, "2+2", "2+1", "2+2"},
		{5, 7, "2+3", "2+2", "2+3"},
		{8, 11, "4+4", "4+2", "4+4"},
		{12, 21, "4+8", "4+4", "4+8"},
		{22, 27, "8+12", "8+6", "8+12"},
		{28, 70, "8+12", "8+6", "8+16"},
	} {
		for hosts := row.from; hosts <= row.to; hosts++ {
			for d, want := range map[Durability]string{
				DurabilityNormal: row.normal, "": row.normal, DurabilityLow: row.low, DurabilityArchive: row.archive,
			} {
				got := SchemeFor(hosts, d)
				if got.String() != want || got.Shards() > hosts {
					t.Errorf("%d hosts, durability %q: %s, want %s", hosts, d, got, want)
				}
			}
		}
	}
	for _, hosts := range []int{0, -1} {
		if s := SchemeFor(hosts, DurabilityNormal); s.Validate() == nil {
			t.Errorf("%d hosts: %s is a usable scheme", hosts, s)
		}
	}
}

func TestSmallScheme(t *testing.T) {
	for hosts, want := range map[int]string{-1: "1+0", 0: "1+0", 1: "1+0", 2: "1+1", 4: "1+3", 5: "1+4", 6: "1+4", 100: "1+4"} {
		if got := SmallScheme(hosts).String(); got != want {
			t.Errorf("%d hosts: %s, want %s", hosts, got, want)
		}
	}
}

func TestEnough(t *testing.T) {
	for text, want := range map[string]int{"1+0": 1, "1+1": 2, "1+2": 3, "2+2": 4, "2+3": 4, "4+4": 7, "4+8": 10, "8+12": 16, "8+16": 19} {
		s, err := ParseScheme(text)
		check(t, err)
		if got := s.Enough(); got != want {
			t.Errorf("%s: %d receipts are enough, want %d", s, got, want)
		}
	}
}

func TestSegmentLength(t *testing.T) {
	const budget = 80 << 20
	for text, want := range map[string]int{
		"1+0": 16 << 20, "1+1": 16 << 20, "1+2": 8 << 20, "1+3": 8 << 20, "1+4": 8 << 20,
		"2+1": 16 << 20, "2+2": 16 << 20, "2+3": 16 << 20, "4+2": 16 << 20, "4+4": 16 << 20,
		"4+8": 8 << 20, "8+6": 16 << 20, "8+12": 16 << 20, "8+16": 8 << 20, "1+254": 128 << 10,
	} {
		s, err := ParseScheme(text)
		check(t, err)
		if got := s.SegmentLength(budget); got != want {
			t.Errorf("%s: segments of %d KiB, want %d", s, got>>10, want>>10)
		}
	}
	for _, s := range allSchemes() {
		got := s.SegmentLength(budget)
		if buffers := 2 * s.Shards() * s.ShardLength(got); buffers > budget {
			t.Errorf("%s: two segments take %d bytes", s, buffers)
		}
		if s.ShardLength(got)*s.Data != got {
			t.Errorf("%s: a full segment of %d bytes is padded", s, got)
		}
		if tiny := s.SegmentLength(0); tiny != 64<<10 {
			t.Errorf("%s: no budget gives %d bytes", s, tiny)
		}
	}
}

func TestShardLength(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := Scheme{Data: rapid.IntRange(1, MaxShards).Draw(t, "data")}
		sealed := rapid.IntRange(SealOverhead, MaxSegmentLength).Draw(t, "sealed")
		got := s.ShardLength(sealed)
		if got%64 != 0 || got > MaxShardLength {
			t.Fatalf("%d", got)
		}
		if got*s.Data < sealed || (got-64)*s.Data >= sealed {
			t.Fatalf("%d shards of %d bytes for %d", s.Data, got, sealed)
		}
	})
}

func TestParseScheme(t *testing.T) {
	for _, text := range []string{"1+0", "1+254", "8+12", "255+0", "128+127"} {
		if s, err := ParseScheme(text); err != nil || s.String() != text {
			t.Errorf("%s reads as %s, %v", text, s, err)
		}
	}
	for _, text := range []string{
		"", "8", "8+", "+8", "8+12 ", " 8+12", "8 + 12", "08+12", "8+012", "+8+12", "8++12", "8+12+1", "8+12x", "8-12",
		"0+1", "0+0", "-1+3", "8+-1", "1+255", "256+0", "200+56", "99999999999999999999+1", "8+12\n", "0x8+1", "٨+١",
	} {
		s, err := ParseScheme(text)
		if !errors.Is(err, ErrScheme) || s != (Scheme{}) {
			t.Errorf("%q reads as %s, %v", text, s, err)
		}
	}
}
