package transfer

import (
	"iter"

	"github.com/batchain/batchain/shard"
)

// count counts the shards of a host by verdict.
func (h *surveyed) count() map[verdict]int {
	n := map[verdict]int{}
	for _, at := range h.shards {
		n[at.verdict()]++
	}
	return n
}

// at is a shard of one segment at one host.
type at struct {
	index   uint8
	host    int // in [survey].hosts
	verdict verdict
}

// at appends to into who holds, or should hold, the shards of a segment.
func (s *survey) at(segment uint32, into []at) []at {
	for host, h := range s.hosts {
		i, _ := findHolding(h.shards, newHolding(segment, 0))
		for ; i < len(h.shards) && h.shards[i].segment() == segment; i++ {
			into = append(into, at{h.shards[i].index(), host, h.shards[i].verdict()})
		}
	}
	return into
}

// located is a segment and where its shards are.
type located struct {
	shard.Segment
	at []at // good until the next segment
}

// segments goes along the manifest's segments.
func (s *survey) segments() iter.Seq2[located, error] {
	return func(yield func(located, error) bool) {
		var where []at
		for segment, err := range s.m.Segments() {
			if err == nil {
				where = s.at(segment.Number, where[:0])
			}
			if !yield(located{segment, where}, err) {
				return
			}
		}
	}
}

// judge puts a verdict on a shard that the survey has. Hosts may be judged at
// the same time, one host by one goroutine.
func (s *survey) judge(host int, segment uint32, index uint8, v verdict) {
	all := s.hosts[host].shards
	if i, ok := findHolding(all, newHolding(segment, index)); ok {
		all[i] = all[i].with(v)
	}
}

// margin is how many hosts the segment can lose, [shard.Margin], when the shards
// that believed holds for good are there.
func (s *survey) margin(where []at, believed func(at) bool) int {
	var placed []shard.Placement
	for _, a := range where {
		if believed(a) {
			placed = append(placed, shard.Placement{Index: a.index, Host: uint16(a.host)})
		}
	}
	return shard.Margin(s.m.Scheme, placed)
}
