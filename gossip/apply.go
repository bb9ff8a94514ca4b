package gossip

import (
	"errors"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// applyAll takes in what a message brings, and reports whether some of it was
// such as no honest member sends.
func (c *core) applyAll(now time.Time, from peer.ID, m *message) (bad bool) {
	blame := func(err error) {
		if err == nil {
			return
		}
		c.tell(Event{Kind: KindError, Peer: from, Err: err})
		bad = bad || errors.Is(err, wire.ErrBadSignature) || errors.Is(err, wire.ErrBadRequest) || errors.Is(err, wire.ErrTooBig)
	}
	if len(m.Digest) > 0 {
		_, err := parseDigest(m.Digest)
		blame(err)
	}
	beats, err := parseBeats(m.Beats)
	blame(err)
	introduced := 0
	for i := 0; i < len(m.Deltas) && !bad; i++ {
		known := len(c.members)
		blame(c.applyDelta(now, from, m.Deltas[i], beats, introduced))
		introduced += max(len(c.members)-known, 0)
	}
	for i := 0; i < len(beats) && !bad; i++ {
		blame(c.applyBeat(now, from, beats[i]))
	}
	return bad
}

// applyDelta takes in what a delta brings of one owner's state. The order is
// that of cost: bounds, what is news at all, signatures; nothing changes before
// all that is news has been verified.
func (c *core) applyDelta(now time.Time, from peer.ID, d delta, beats []beat, introduced int) error {
	who := identity(d.Owner)
	if who == c.self.who {
		return c.refute(now, d)
	}
	m := c.members[who.peer()]
	if m == nil && d.Head == nil {
		c.tell(Event{Kind: KindUnknownPeer, Peer: who.peer()})
		return nil
	}
	in := incoming{who: who, from: from, since: d.From}
	if m != nil {
		in.held, in.heldHead = &m.replica, m.head
	}
	if err := in.parse(d); err != nil {
		return fmt.Errorf("delta of %s: %w", who.peer(), err)
	}
	if in.old {
		return nil
	}
	if m == nil || in.newLife {
		if !c.admits(now, from, who, in.head, introduced) {
			return nil
		}
	}
	if !c.mayCheck(now, from, in.checks()) {
		return nil
	}
	if err := in.verify(c.verify); err != nil {
		return fmt.Errorf("delta of %s: %w", who.peer(), err)
	}
	if m == nil && c.isGone(from, who, in.head, beats) {
		return nil
	}
	if in.twice {
		c.equivocated(m)
		return nil
	}
	if m == nil {
		m = c.admit(now, who)
	}
	return c.merge(now, m, &in)
}

// applyBeat takes a heartbeat if it is later than the one known and its link
// leads down to that one.
func (c *core) applyBeat(now time.Time, from peer.ID, b beat) error {
	m := c.shorts[b.who]
	if m == nil || m == c.self || m.head.Seq == 0 || b.number <= m.beat || m.state == Left {
		return nil
	}
	if b.number > m.head.Base+chainLength {
		return nil // of a later chain, whose head has not come
	}
	if !c.mayCheck(now, from, 1) {
		return nil
	}
	if !m.salt.leads(b.link, b.number, m.link, m.beat) {
		return fmt.Errorf("heartbeat of %s: %w", m.id, wire.ErrBadSignature)
	}
	m.beat, m.link = b.number, b.link
	c.beats(now, m, from == m.id)
	return nil
}
