package gossip

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

// gone remembers those who were forgotten.
type gone struct{ *lru.Cache[short, lifeSpan] }

// lifeSpan is how far a life had come.
type lifeSpan struct{ incarnation, beat uint64 }

// before reports whether a life has come further than this one.
func (l lifeSpan) before(incarnation, beat uint64) bool {
	return incarnation > l.incarnation || incarnation == l.incarnation && beat > l.beat
}

func newGone() gone {
	cache, err := lru.New[short, lifeSpan](maxMembers)
	if err != nil {
		panic("gossip: internal error: " + err.Error())
	}
	return gone{cache}
}

func (g gone) add(m *member) {
	g.Add(m.who.short(), lifeSpan{m.incarnation(), m.beat})
}

// mayAdmit reports whether a peer may introduce a new member.
func (c *core) mayAdmit(now time.Time, from peer.ID, who identity, introduced int) bool {
	if c.shorts[who.short()] != nil || introduced >= maxNew || !c.mayIntroduce(now, from) {
		c.counts.refusedMembers++
		return false
	}
	return true
}

// isGone reports whether a life is one that was forgotten, and no heartbeat
// that comes with it shows that it went on.
func (c *core) isGone(from peer.ID, who identity, h signedHead, beats []beat) bool {
	was, known := c.gone.Peek(who.short())
	if !known || was.before(h.Incarnation, 0) || from == who.peer() {
		return false
	}
	salt := newChainSalt(who, h.Incarnation)
	for _, b := range beats {
		if b.who == who.short() && was.before(h.Incarnation, b.number) && b.number >= h.Base && b.number-h.Base <= chainLength {
			return !salt.leads(b.link, b.number, link(h.Anchor), h.Base)
		}
	}
	return true
}

// admit takes in a member whose head has been verified, unless it is gone or there
// is no room for it: then it returns nil.
func (c *core) admit(now time.Time, from peer.ID, in *incoming, beats []beat) *member {
	who := in.who
	if c.isGone(from, who, in.head, beats) {
		return nil
	}
	if !c.makeRoom(now, who.peer(), who.short()) {
		c.counts.refusedMembers++
		return nil
	}
	m := &member{id: who.peer(), who: who, state: Unknown, known: now, since: now}
	m.important = c.important(m.id)
	m.inflow = rate.NewLimiter(rate.Limit(inflowPerInterval)/rate.Limit(c.opt.Interval.Seconds()), inflowBurst)
	c.order, c.hood.stale = nil, true
	c.members[m.id], c.shorts[who.short()] = m, m
	c.gone.Remove(who.short())
	c.tell(Event{Kind: KindNew, Peer: m.id})
	return m
}
