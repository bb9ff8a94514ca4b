package gossip

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
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

// incoming is a delta that is being judged.
type incoming struct {
	who      identity
	from     peer.ID
	since    uint64
	held     *replica // nil: nothing is held of the owner
	heldHead signedHead

	head    signedHead // the one to go by
	newHead bool       // it is not held
	newLife bool       // it is of a later incarnation than is held
	old     bool       // it is of an earlier one
	entries []*signedEntry
	twice   bool // the owner signed two things as one
	proof   *signedEntry
}

// parse reads the records and keeps those that are news.
func (in *incoming) parse(d delta) error {
	in.head = in.heldHead
	if d.Head != nil {
		h, err := parseHead(*d.Head)
		if err != nil {
			return err
		}
		in.choose(h)
	}
	if in.old {
		return nil
	}
	if len(d.Entries) > maxKeys {
		return wire.ErrTooBig.With("%d entries of one member, at most %d are taken", len(d.Entries), maxKeys)
	}
	last := d.From
	for _, s := range d.Entries {
		e, err := parseEntry(s)
		if err != nil {
			return err
		}
		if e.Incarnation != in.head.Incarnation || e.Version <= last || e.Version > in.head.Max {
			return wire.ErrBadRequest.With("entries are not those of their head")
		}
		last = e.Version
		in.consider(&e)
	}
	return nil
}

// choose decides which head counts.
func (in *incoming) choose(h signedHead) {
	held := in.heldHead
	switch {
	case h.Incarnation < held.Incarnation:
		in.old = true
	case h.Incarnation > held.Incarnation:
		in.head, in.newHead, in.newLife = h, true, held.Incarnation > 0
	case h.Seq > held.Seq:
		in.head, in.newHead = h, true
	case h.Seq == held.Seq && !bytes.Equal(h.Body, held.Body):
		in.head, in.newHead, in.twice = h, true, true
	}
}

// consider keeps an entry that is news, or that contradicts one that is held.
func (in *incoming) consider(e *signedEntry) {
	if in.held == nil || in.newLife {
		in.entries = append(in.entries, e)
		return
	}
	if e.Version > in.held.max || in.since == 0 && in.head.GC > in.held.max {
		in.entries = append(in.entries, e)
	}
	for _, old := range in.held.entries {
		if old.Version == e.Version && !bytes.Equal(old.Body, e.Body) {
			in.twice, in.proof = true, e
			return
		}
	}
}

// checks is how many signatures verify would check.
func (in *incoming) checks() int { return len(in.entries) + 1 }

func (in *incoming) verify(verify verifier) error {
	if in.newHead {
		if err := verify(in.who, headKind, in.head.Signed); err != nil {
			return err
		}
	}
	entries := in.entries
	if in.proof != nil {
		entries = append(entries[:len(entries):len(entries)], in.proof)
	}
	for _, e := range entries {
		if err := verify(in.who, entryKind, e.Signed); err != nil {
			return err
		}
	}
	return nil
}

// merge puts verified records into a member's state, unless something was
// withheld from them.
func (c *core) merge(now time.Time, m *member, in *incoming) error {
	was := m.replica
	if in.newLife {
		was = replica{}
	}
	will, do, err := was.with(in)
	if err != nil {
		return fmt.Errorf("delta of %s: %w", m.id, err)
	}
	if do == reject && !in.newHead {
		return nil
	}
	switch {
	case will.proven || will.max < will.head.Max && (!m.doubted || in.from == m.id):
	case do == reject || was.proven || do == renew || was.max == 0:
		c.counts.omissions++
		if do == reject || will.max < will.head.Max {
			return nil
		}
		return fmt.Errorf("delta of %s: %w", m.id, errWithheld)
	default: // whoever brought the first part, or this one
		c.counts.omissions++
		m.doubted = true
		m.clear()
		c.changed(m)
		return nil
	}
	c.commit(now, m, in, will)
	return nil
}

// errWithheld says that a state lacks what its owner's head says is in it.
var errWithheld = wire.ErrBadRequest.With("parts were withheld")

// with returns the state that r becomes by a delta; r stays as it is.
func (r replica) with(in *incoming) (replica, verdict, error) {
	top := in.head.Max
	if n := len(in.entries); n > 0 {
		top = in.entries[n-1].Version
	}
	do := judge(r.gc, r.max, in.since, in.head.GC, top)
	if do == reject && in.head.GC > r.gc && in.head.GC > r.max {
		return r, do, nil // a gap: the head must not be had without what lies before it
	}
	r.entries = maps.Clone(r.entries)
	if do == renew {
		r.clear()
	}
	r.head = in.head
	r.forget(in.head.GC)
	for _, e := range in.entries {
		if do == reject || e.Version <= r.max {
			continue
		}
		if !r.fits(e) {
			return r, do, wire.ErrTooBig.With("more than %d keys or %d bytes", maxKeys, maxState)
		}
		r.put(e)
	}
	r.prove()
	return r, do, nil
}

// commit makes a state the member's, and tells of what is new in it.
func (c *core) commit(now time.Time, m *member, in *incoming, will replica) {
	known, before, left := m.head.Seq > 0, m.max, in.head.Left && !m.head.Left
	if in.newLife || m.head.Seq == 0 {
		before = 0
		c.begins(now, m, in.head)
	}
	old := m.entries
	m.replica = will
	if in.head.Base >= m.beat {
		m.beat, m.link = in.head.Base, link(in.head.Anchor)
	}
	for _, e := range in.entries {
		if m.entries[e.Key] != e || e.Deleted && old[e.Key] == nil {
			continue
		}
		c.expire(m, &e.entry, now)
		c.tell(Event{
			Kind: KindUpdate, Peer: m.id, Incarnation: m.incarnation(),
			Key: e.Key, Value: e.Value, Version: e.Version, Deleted: e.Deleted,
		})
	}
	c.changed(m)
	if known || !c.look().full {
		c.news(m, before, now)
	}
	if left {
		c.become(now, m, Left)
	}
}

// begins starts a member's life over.
func (c *core) begins(now time.Time, m *member, h signedHead) {
	again := m.head.Seq > 0
	m.replica, m.beat, m.link = replica{}, h.Base, link(h.Anchor)
	m.salt = newChainSalt(m.who, h.Incarnation)
	m.known, m.doubted, m.expires = now, false, nil
	m.detector = newDetector(c.opt.Window, c.opt.Interval)
	if again {
		c.tell(Event{Kind: KindRestarted, Peer: m.id, Incarnation: h.Incarnation})
		c.become(now, m, Unknown)
	}
}

// equivocated marks a member that has signed two things as one. What came first
// is kept: there is no telling which of the two others have.
func (c *core) equivocated(m *member) {
	c.counts.equivocations++
	if m.equivocates {
		return
	}
	m.equivocates = true
	c.tell(Event{Kind: KindError, Peer: m.id, Err: errors.New("member signed two records as one")})
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

// expire notes when an entry ceases to count here.
func (c *core) expire(m *member, e *entry, now time.Time) {
	if e.TTL == 0 {
		delete(m.expires, e.Key)
		return
	}
	if m.expires == nil {
		m.expires = map[string]time.Time{}
	}
	ttl := time.Duration(min(e.TTL, uint64(maxTTL.Milliseconds()))) * time.Millisecond
	m.expires[e.Key] = now.Add(ttl)
}

// maxTTL is the longest time for which a value counts that does not count for
// ever.
const maxTTL = 365 * 24 * time.Hour
