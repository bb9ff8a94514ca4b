package work

import (
	"hash/crc32"
	"math"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Figures of reputations.
const (
	// firstQuota is the units that a new bee may have at once.
	firstQuota = 16
	// maxQuota is the units that any bee may have at once.
	maxQuota = 1024
	// maxTrust is the most that anybody is believed.
	maxTrust = 0.9999
	// memory is how long half of what a bee has proven is remembered.
	memory = 30 * 24 * time.Hour
	// exile is how long a bee that was caught by a spot check or a credibility vote
	// gets no work and no belief; once more for each time, to maxExiles.
	exile     = 7 * 24 * time.Hour
	maxExiles = 8
)

// Reputation is what a hive remembers of one bee and one program. Times are
// Unix milliseconds.
type Reputation struct {
	Checks  float64 `cbor:"1,keyasint"`           // comparisons survived, as they were at Since
	Since   int64   `cbor:"2,keyasint"`           //
	Exiled  int64   `cbor:"3,keyasint,omitempty"` // until when it is not believed and not asked
	Quota   uint16  `cbor:"4,keyasint"`           // units that it may have at once
	Right   uint64  `cbor:"5,keyasint,omitempty"` // results that were believed
	Wrong   uint64  `cbor:"6,keyasint,omitempty"`
	Errors  uint64  `cbor:"7,keyasint,omitempty"`
	Expired uint64  `cbor:"8,keyasint,omitempty"`
	// With are the first two bees that it agreed with. Comparisons count from the second
	// one on: what one other bee says may be said by the same gang.
	With []peer.ID `cbor:"9,keyasint,omitempty"`
	// Met are marks of the first maxMet bees that it agreed with, see [Reputation.Trust].
	Met []uint32 `cbor:"10,keyasint,omitempty"`
}

// witnesses is how many other bees have to have agreed with one before its
// comparisons count.
const witnesses = 2

// maxMet is how many other bees need to have agreed with one at most before it is trusted,
// however large the crowd is.
const maxMet = 32

// breadth is how many other bees have to have agreed with one before it is trusted more than a
// new one: more than a third of the crowd, or than the share that is expected to cheat.
func breadth(faulty float64, crowd int) int {
	return max(witnesses, min(maxMet, int(max(faulty, 1.0/3)*float64(crowd))+1))
}

// markOf stands for a bee in Met.
func markOf(bee peer.ID) uint32 { return crc32.ChecksumIEEE([]byte(bee)) }

// NewReputation is that of a bee of which nothing is known.
func NewReputation() Reputation { return Reputation{Quota: firstQuota} }

// Trust is the probability that the bee's next result is right, as Sarmenta's
// credibility has it for spot checks with exile: a cheat that has survived k
// checks cheated at most so often that it would have been caught; then the
// chance of a wrong result is at most faulty/((1−faulty)·k·e). Without any check it is
// the share of faulty bees.
//
// Crowd is how many bees there are. Comparisons count for nothing while the bee has agreed with no
// more others than may be cheats: a gang that vouches for itself alone stays as new, so it
// convicts nobody, however early it came.
func (r Reputation) Trust(faulty float64, crowd int, now int64) float64 {
	if now < r.Exiled {
		return 0
	}
	doubt := faulty
	if k := r.checks(now); k > 0 && r.met() >= breadth(faulty, crowd) {
		doubt = min(doubt, faulty/((1-faulty)*k*math.E))
	}
	return min(1-doubt, maxTrust)
}

// checks is how many comparisons count now.
func (r Reputation) checks(now int64) float64 {
	age := time.Duration(max(0, now-r.Since)) * time.Millisecond
	return r.Checks * math.Exp2(-float64(age)/float64(memory))
}

// Pass notes that a result of bee survived a comparison with those of others; bee
// may be one of them.
func (r *Reputation) Pass(bee peer.ID, others []peer.ID, now int64) {
	for _, id := range others {
		if len(r.With) < witnesses && id != bee && !slices.Contains(r.With, id) {
			r.With = append(r.With, id)
		}
		if len(r.Met) < maxMet && id != bee && !slices.Contains(r.Met, markOf(id)) {
			r.Met = append(r.Met, markOf(id))
		}
	}
	if len(r.With) == witnesses {
		r.Checks, r.Since = r.checks(now)+1, now
	}
	r.Take()
}

// Take notes that a result was believed without comparison.
func (r *Reputation) Take() {
	r.Right++
	r.Quota = min(maxQuota, max(1, r.Quota)*2)
}

// Catch notes a wrong result. For good is what votes of reputations or spot checks
// found: all that the bee has proven is void, and it is exiled. Other rules find
// honest losers, too: so these exile for a minute at first, and twice as long each time.
func (r *Reputation) Catch(forGood bool, now int64) {
	r.Wrong++
	r.Quota = max(1, r.Quota/2)
	if forGood {
		r.Checks, r.Since, r.With, r.Met = 0, now, nil, nil
		r.Exiled = now + int64(min(r.Wrong, maxExiles))*exile.Milliseconds()
		return
	}
	r.Exiled = now + min(exile.Milliseconds(), time.Minute.Milliseconds()<<min(r.Wrong-1, 20))
}

// firstWindow is the units that a new bee may have begun, in a crowd, before another one has
// answered them.
const firstWindow = 2

// Window is how many units a bee that is not believed alone may have begun, or answered, that no other
// bee has answered: one more for each other bee that it agreed with, and once those are enough,
// for each comparison that counts. So who answers fast and wrongly is found out before it has done
// much, for chance chooses who answers next.
func (r Reputation) Window(faulty float64, crowd int) int {
	if r.met() < breadth(faulty, crowd) {
		return firstWindow + r.met()
	}
	return firstWindow + max(r.met(), int(r.Checks))
}

// met is how many others are known to have agreed with the bee, up to maxMet.
func (r Reputation) met() int { return max(len(r.With), len(r.Met)) }

// GiveBack notes that the bee gave a unit back.
func (r *Reputation) GiveBack() { r.Quota = max(1, r.Quota-1) }

// Err notes that the program failed in the bee.
func (r *Reputation) Err() {
	r.Errors++
	r.Quota = max(1, r.Quota-1)
}

// Expire notes that a lease went by.
func (r *Reputation) Expire() {
	r.Expired++
	r.Quota = max(1, r.Quota/2)
}
