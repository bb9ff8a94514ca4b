package gossip

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/libp2p/go-libp2p/core/peer"
)

// gone remembers those who were forgotten.
type gone struct{ *lru.Cache[peer.ID, lifeSpan] }

// lifeSpan is how far a life had come.
type lifeSpan struct{ incarnation, beat, seq uint64 }

func newGone() gone {
	cache, err := lru.New[peer.ID, lifeSpan](maxMembers)
	if err != nil {
		panic("gossip: internal error: " + err.Error())
	}
	return gone{cache}
}

func (g gone) add(m *member) {
	g.Add(m.id, lifeSpan{m.incarnation(), m.beat, m.head.Seq})
}

// admits reports whether a new member, or the new life of one, may be taken in
// on a peer's word.
func (c *core) admits(now time.Time, from peer.ID, who identity, h signedHead, introduced int) bool {
	if c.members[who.peer()] != nil {
		return true
	}
	if was, known := c.gone.Peek(who.peer()); known {
		if h.Incarnation < was.incarnation || h.Incarnation == was.incarnation && h.Seq <= was.seq {
			return false
		}
	}
	if c.shorts[who.short()] != nil || introduced >= maxNew || !c.mayIntroduce(now, from) {
		c.counts.refusedMembers++
		return false
	}
	if !c.makeRoom(who.peer(), who.short()) {
		c.counts.refusedMembers++
		return false
	}
	return true
}

// admit takes in a member whose head has been verified.
func (c *core) admit(now time.Time, who identity) *member {
	m := &member{id: who.peer(), who: who, state: Unknown, known: now, since: now}
	m.important = c.important(m.id)
	c.order, c.hood.stale = nil, true
	c.members[m.id], c.shorts[who.short()] = m, m
	c.gone.Remove(m.id)
	c.tell(Event{Kind: KindNew, Peer: m.id})
	return m
}
