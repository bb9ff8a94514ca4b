package shard

import (
	"errors"
	"fmt"
)

// ErrScheme means that a scheme cannot be used.
var ErrScheme = errors.New("scheme cannot be used")

// Scheme says how a segment is encoded: any Data of its Data+Parity shards
// rebuild it.
type Scheme struct {
	Data   int
	Parity int
}

// ParseScheme reads "8+12".
func ParseScheme(text string) (Scheme, error) {
	var s Scheme
	var rest string
	n, _ := fmt.Sscanf(text+" ", "%d+%d%s", &s.Data, &s.Parity, &rest)
	if n != 2 || s.String() != text {
		return Scheme{}, fmt.Errorf("%w: %.32q is not of the form DATA+PARITY, 8+12 say", ErrScheme, text)
	}
	if err := s.Validate(); err != nil {
		return Scheme{}, err
	}
	return s, nil
}

// Validate returns [ErrScheme], wrapped, unless 1 ≤ Data, 0 ≤ Parity and there
// are at most [MaxShards].
func (s Scheme) Validate() error {
	if s.Data < 1 || s.Parity < 0 || s.Data > MaxShards || s.Parity > MaxShards || s.Shards() > MaxShards {
		return fmt.Errorf("%w: %d+%d: at least 1 data shard and at most %d shards", ErrScheme, s.Data, s.Parity, MaxShards)
	}
	return nil
}

// String returns the form that [ParseScheme] reads.
func (s Scheme) String() string { return fmt.Sprintf("%d+%d", s.Data, s.Parity) }

// Shards is how many shards a segment has.
func (s Scheme) Shards() int { return s.Data + s.Parity }

// shardAlign keeps shards aligned for the vector kernels.
const shardAlign = 64

// ShardLength is the bytes in each shard of a segment of sealed bytes: its
// share, rounded up to a multiple of 64.
func (s Scheme) ShardLength(sealed int) int {
	share := (sealed + s.Data - 1) / s.Data
	return (share + shardAlign - 1) / shardAlign * shardAlign
}

// Enough is the fewest receipts of a segment with which a put that ran short
// of hosts may stop: Data + ⌈⅔ Parity⌉.
func (s Scheme) Enough() int { return s.Data + (2*s.Parity+2)/3 }

// SegmentLength is the sealed bytes in a full segment: 16 MiB, halved until
// two segments with their parity fit into budget bytes of buffers.
func (s Scheme) SegmentLength(budget int) int {
	length := MaxSegmentLength
	for length > minSegmentLength && 2*s.Shards()*s.ShardLength(length) > budget {
		length /= 2
	}
	return length
}

const minSegmentLength = 64 << 10

// Durability is how much loss a file should stand.
type Durability string

// The presets: half the parity, the table's parity, and 8+16 where there are
// hosts enough.
const (
	DurabilityLow     Durability = "low"
	DurabilityNormal  Durability = "normal"
	DurabilityArchive Durability = "archive"
)

// ArchiveHosts is how many hosts [DurabilityArchive] needs.
const ArchiveHosts = 28

var ladder = []struct {
	hosts  int
	scheme Scheme
}{
	{22, Scheme{8, 12}}, {12, Scheme{4, 8}}, {8, Scheme{4, 4}}, {5, Scheme{2, 3}},
	{4, Scheme{2, 2}}, {3, Scheme{1, 2}}, {2, Scheme{1, 1}}, {1, Scheme{1, 0}},
}

// SchemeFor returns the scheme for a file when this many hosts have room. The
// ladder leaves spares where it can: its rungs keep the codecs within 10 data
// shards, where their fast kernels end.
func SchemeFor(hosts int, d Durability) Scheme {
	if d == DurabilityArchive && hosts >= ArchiveHosts {
		return Scheme{8, 16}
	}
	for _, rung := range ladder {
		if hosts >= rung.hosts {
			s := rung.scheme
			if d == DurabilityLow {
				s.Parity = (s.Parity + 1) / 2
			}
			return s
		}
	}
	return Scheme{}
}

// SmallFile is the most bytes a file may have to be replicated instead of
// encoded: one segment with Data 1.
const SmallFile = 64 << 10

// SmallScheme returns the scheme of a small file: a copy on each of at most
// five hosts.
func SmallScheme(hosts int) Scheme {
	return Scheme{Data: 1, Parity: max(0, min(hosts-1, 4))}
}
