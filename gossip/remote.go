package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

// remote is what a peer that speaks to this member has cost it.
type remote struct {
	messages *rate.Limiter
	checks   *rate.Limiter
	newcomer *rate.Limiter
	answers  *rate.Limiter
	strikes  int
	blocked  time.Time // until when nothing is taken of it
	last     time.Time
}

// forgetRemote is after how much silence a peer's costs are forgotten.
const forgetRemote = time.Hour

func (c *core) remote(now time.Time, p peer.ID) *remote {
	r := c.remotes[p]
	if r == nil {
		c.roomForRemote()
		r = &remote{
			messages: rate.NewLimiter(rate.Every(c.opt.Interval/messagesPerInterval), messagesBurst),
			checks:   rate.NewLimiter(checksPerSecond, checksBurst),
			newcomer: rate.NewLimiter(rate.Every(time.Hour/maxNewPerHour), maxNewPerHour),
			answers:  rate.NewLimiter(rate.Limit(answersPerInterval)/rate.Limit(c.opt.Interval.Seconds()), answersBurst),
		}
		c.remotes[p] = r
	}
	r.last = now
	return r
}

// takes reports whether a message of a peer is looked at.
func (c *core) takes(now time.Time, from peer.ID) bool {
	r := c.remote(now, from)
	if from == c.self.id || now.Before(r.blocked) || !r.messages.AllowN(now, 1) {
		c.counts.droppedMessages++
		return false
	}
	return true
}

// mayCheck reports whether a peer may have n signatures checked.
func (c *core) mayCheck(now time.Time, from peer.ID, n int) bool {
	if !c.remote(now, from).checks.AllowN(now, n) {
		return false
	}
	c.counts.checks += uint64(n)
	return true
}

// mayAnswer reports whether a peer may be answered with records of n bytes: a
// question of thirty bytes can have one of 64 KiB.
func (c *core) mayAnswer(now time.Time, to peer.ID, n int) bool {
	return c.remote(now, to).answers.AllowN(now, n)
}

// roomForRemote forgets, when there are too many, one that was silent for long.
func (c *core) roomForRemote() {
	if len(c.remotes) < maxMembers {
		return
	}
	var oldest peer.ID
	for p, r := range c.remotes {
		if o := c.remotes[oldest]; o == nil || r.last.Before(o.last) {
			oldest = p
		}
	}
	delete(c.remotes, oldest)
}

func (c *core) mayIntroduce(now time.Time, from peer.ID) bool {
	return c.remote(now, from).newcomer.AllowN(now, 1)
}

// strike counts a message that no honest member sends; at the third the peer is
// blocked for a while.
func (c *core) strike(now time.Time, p peer.ID) {
	c.counts.badMessages++
	r := c.remote(now, p)
	r.strikes++
	if r.strikes >= strikes {
		r.strikes, r.blocked = 0, now.Add(blockTime)
	}
}

func (c *core) pruneRemotes(now time.Time) {
	for p, r := range c.remotes {
		if now.Sub(r.last) > forgetRemote {
			delete(c.remotes, p)
		}
	}
}
