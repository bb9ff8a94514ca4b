package transfer

import (
	"math/rand/v2"
	"slices"

	"github.com/batchain/batchain/shard"
)

// drawLeaves draws count leaves out of all leaves of the shards that a host
// lists, each set with the same chance; all of them when there are no more.
func drawLeaves(c *contents, held []holding, count int, draw *rand.Rand) []challenge {
	var total int64
	for _, at := range held {
		total += c.leaves(at)
	}
	numbers := drawNumbers(total, count, draw)
	all := make([]challenge, 0, len(numbers))
	var passed int64
	for _, at := range held {
		here := c.leaves(at)
		for len(numbers) > 0 && numbers[0] < passed+here {
			all = append(all, challenge{place: at.with(verdictNone), leaf: uint32(numbers[0] - passed)})
			numbers = numbers[1:]
		}
		passed += here
	}
	return all
}

// drawEach draws one leaf of each of the shards that a host lists, or of most
// of them drawn at random.
func drawEach(c *contents, held []holding, most int, draw *rand.Rand) []challenge {
	var listed []holding
	for _, at := range held {
		if c.leaves(at) > 0 {
			listed = append(listed, at.with(verdictNone))
		}
	}
	var all []challenge
	for _, n := range drawNumbers(int64(len(listed)), most, draw) {
		at := listed[n]
		leaves := shard.Leaves(int(c.lengths[at.segment()]))
		all = append(all, challenge{place: at, leaf: uint32(draw.IntN(leaves))})
	}
	return all
}

// drawNumbers draws count different numbers below total, in order (Floyd's
// sampling, Communications of the ACM 30(9), 1987).
func drawNumbers(total int64, count int, draw *rand.Rand) []int64 {
	if total <= int64(count) {
		all := make([]int64, total)
		for i := range all {
			all[i] = int64(i)
		}
		return all
	}
	chosen := make(map[int64]bool, count)
	for top := total - int64(count); top < total; top++ {
		n := draw.Int64N(top + 1)
		if chosen[n] {
			n = top
		}
		chosen[n] = true
	}
	all := make([]int64, 0, count)
	for n := range chosen {
		all = append(all, n)
	}
	slices.Sort(all)
	return all
}

// leaves is how many leaves of a shard can be asked for: none when its host does
// not list it.
func (c *contents) leaves(at holding) int64 {
	if at.verdict() != verdictOK {
		return 0
	}
	return int64(shard.Leaves(int(c.lengths[at.segment()])))
}

// name fills in the ids of the shards that are asked for, in one pass over the
// manifest. Challenges are ordered by segment.
func (s *survey) name(challenges [][]challenge) error {
	next := make([]int, len(challenges))
	for segment, err := range s.m.Segments() {
		if err != nil {
			return err
		}
		for i, all := range challenges {
			for ; next[i] < len(all) && all[next[i]].place.segment() == segment.Number; next[i]++ {
				all[next[i]].id = segment.Shards[all[next[i]].place.index()]
			}
		}
	}
	return nil
}
