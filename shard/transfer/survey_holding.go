package transfer

import (
	"encoding/binary"
	"slices"

	"github.com/batchain/batchain/shard"
)

// verdict is what is known of a host, or of one shard at it.
type verdict uint8

const (
	verdictNone        verdict = iota // not looked at
	verdictOK                         // host: it answers; shard: proved, or believed
	verdictWrong                      // other bytes than those that were stored
	verdictMissing                    // the host says it does not hold the shard
	verdictTimeout                    // no answer in time
	verdictUnreachable                // no connection
	verdictRefused                    // it does not want to answer, or answers nonsense
)

var verdictNames = [...]string{"none", "ok", "wrong", "missing", "timeout", "unreachable", "refused"}

// String returns the word that people read.
func (v verdict) String() string { return verdictNames[v] }

// holding is one shard at a host in 4 bytes: verdict ‖ segment ‖ index, of 4, 20
// and 8 bits.
type holding uint32

const holdingPlace = 1<<28 - 1

func newHolding(segment uint32, index uint8) holding { return holding(segment<<8 | uint32(index)) }

func (h holding) segment() uint32        { return uint32(h&holdingPlace) >> 8 }
func (h holding) index() uint8           { return uint8(h) }
func (h holding) verdict() verdict       { return verdict(h >> 28) }
func (h holding) with(v verdict) holding { return h&holdingPlace | holding(v)<<28 }
func compareHoldings(a, b holding) int   { return int(a&holdingPlace) - int(b&holdingPlace) }
func findHolding(all []holding, h holding) (int, bool) {
	return slices.BinarySearchFunc(all, h, compareHoldings)
}

// sorted orders holdings by segment and index. Of those for one place the
// first stays.
func sorted(all []holding) []holding {
	slices.SortStableFunc(all, compareHoldings)
	return slices.Clip(slices.CompactFunc(all, func(a, b holding) bool { return compareHoldings(a, b) == 0 }))
}

// contents tells the shards of a file apart in 4 bytes for each shard and 4 for
// each segment: enough to see that a host lists one that is not the file's, and
// what is fetched or proved is checked against the whole id anyway.
type contents struct {
	shards  int      // of a segment
	prints  []uint32 // first bytes of the ids
	lengths []uint32 // of a segment's shards
}

// add takes in the next segment.
func (c *contents) add(ids []shard.ID, length int) {
	c.lengths = append(c.lengths, uint32(length))
	for _, id := range ids {
		c.prints = append(c.prints, binary.BigEndian.Uint32(id[:]))
	}
}

// has reports whether this is a shard of the file, at its place.
func (c *contents) has(id shard.ID, segment uint32, index uint8, length uint32) bool {
	return int64(segment) < int64(len(c.lengths)) && int(index) < c.shards && length == c.lengths[segment] &&
		c.prints[int(segment)*c.shards+int(index)] == binary.BigEndian.Uint32(id[:])
}

// size is how many shards the file has.
func (c *contents) size() int { return len(c.prints) }
