package gossip

import (
	"cmp"
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
	if !bad {
		blame(c.applyBeats(now, from, beats))
	}
	return bad
}

// applyBeats takes in heartbeats, and returns why the first of those that it does
// not believe is none.
func (c *core) applyBeats(now time.Time, from peer.ID, beats []beat) (err error) {
	for _, b := range beats {
		err = cmp.Or(err, c.applyBeat(now, from, b))
	}
	return err
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
		if c.mayIntroduce(now, from) {
			c.tell(Event{Kind: KindUnknownPeer, Peer: who.peer()})
		}
		return nil
	}
	if !c.mayCheck(now, from, len(d.Entries)/entriesPerCheck) {
		return nil
	}
	in := incoming{who: who, from: from, since: d.From}
	if m != nil {
		in.held, in.heldHead = &m.replica, m.head
	}
	if err := in.parse(d); err != nil {
		return fmt.Errorf("delta of %s: %w", who.peer(), err)
	}
	if in.old || !c.takesFrom(now, from, m, &in, introduced) || !c.mayCheck(now, from, in.checks()) {
		return nil
	}
	if err := in.verify(c.verify); err != nil {
		return fmt.Errorf("delta of %s: %w", who.peer(), err)
	}
	if m == nil {
		if m = c.admit(now, from, &in, beats); m == nil {
			return nil
		}
	}
	if in.twice {
		c.equivocated(m)
		return nil
	}
	m.inflow.AllowN(now, in.size())
	return c.merge(now, m, &in)
}

// takesFrom reports whether what is news of a member, or of one to be, may be taken
// now if it is what its owner signed. It changes nothing of anybody's but from's, or
// whoever forges records could use up what is their owner's.
func (c *core) takesFrom(now time.Time, from peer.ID, m *member, in *incoming, introduced int) bool {
	switch {
	case m == nil:
		return c.mayAdmit(now, from, in.who, introduced)
	case in.newLife && !m.restarted.IsZero() && now.Sub(m.restarted) < c.opt.Interval:
		return false
	}
	return m.inflow.TokensAt(now) >= float64(in.size())
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
	if !c.mayCheck(now, from, 1+int(b.number-m.beat)/hashesPerCheck) {
		return nil
	}
	if !m.salt.leads(b.link, b.number, m.link, m.beat) {
		c.counts.badBeats++
		return c.otherChain(now, from, m, b)
	}
	m.beat, m.link = b.number, b.link
	c.beats(now, m, from == m.id)
	return nil
}

// How many hashes, and how many entries that are looked at, cost about as much as
// the check of a signature.
const (
	hashesPerCheck  = 512
	entriesPerCheck = 8
)

// errNoBeat says that a heartbeat is not what comes after those known. Whoever
// passed it on may believe it: its owner may have shown others another chain. So
// it is nobody's fault.
var errNoBeat = errors.New("heartbeat does not follow")

// otherChain tells why a heartbeat does not follow on the last one: its owner has
// two chains, if it leads to the one of the head.
func (c *core) otherChain(now time.Time, from peer.ID, m *member, b beat) error {
	if b.number > m.head.Base && c.mayCheck(now, from, int(b.number-m.head.Base)/hashesPerCheck) &&
		m.salt.leads(b.link, b.number, link(m.head.Anchor), m.head.Base) {
		c.equivocated(m)
	}
	return fmt.Errorf("of %s: %w", m.id, errNoBeat)
}
