package gossip

import (
	"time"

	"golang.org/x/time/rate"
)

// backlog steers how many own changes are admitted: as many as peers follow.
type backlog struct {
	rate   float64
	heard  bool   // a peer told in this round what it lacks
	behind uint64 // the versions that the best of them lacked
	before uint64 // … in the last round
	growth int    // rounds in which it grew
}

// maxRate bounds the admitted changes in a second.
const maxRate = 1000

// saw takes what a peer says that it lacks of the own state. What is admitted in
// two seconds is under way, not behind. The one that lacks least counts: one that
// is slow, or lies, shall not slow down what all the others follow.
func (b *backlog) saw(behind uint64) {
	if float64(behind) <= 2*b.rate {
		behind = 0
	}
	if !b.heard || behind < b.behind {
		b.heard, b.behind = true, behind
	}
}

// round halves the rate when peers have fallen behind for three rounds, and
// raises it by one otherwise.
func (b *backlog) round(now time.Time, limit *rate.Limiter) {
	if b.behind > b.before && b.behind > 0 {
		b.growth++
	} else {
		b.growth = 0
	}
	b.before, b.behind, b.heard = b.behind, 0, false
	if b.growth >= 3 {
		b.growth = 0
		b.rate = max(b.rate/2, 1)
	} else {
		b.rate = min(b.rate+1, maxRate)
	}
	limit.SetLimitAt(now, rate.Limit(b.rate))
}
