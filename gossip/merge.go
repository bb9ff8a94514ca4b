package gossip

import (
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/batchain/batchain/wire"
)

// merge puts verified records into a member's state, unless something was
// withheld from them.
func (c *core) merge(now time.Time, m *member, in *incoming) error {
	was := m.replica
	if in.newLife {
		was = replica{}
	}
	will, do, err := was.with(in)
	whole := do == renew || was.max == 0 // it says all there is, from the beginning
	switch {
	case err != nil && whole:
		return fmt.Errorf("delta of %s: %w", m.id, err)
	case err != nil:
		c.restart(m)
	case do == reject && !in.newHead:
	case will.proven || will.max < will.head.Max && (!m.doubted || in.from == m.id):
		c.commit(now, m, in, will)
	case whole && will.max == will.head.Max:
		c.counts.omissions++
		return fmt.Errorf("delta of %s: %w", m.id, errWithheld)
	case do == reject || was.proven || whole:
		c.counts.omissions++
	default: // whoever brought the first part, or this one
		c.counts.omissions++
		m.doubted = true
		c.restart(m)
	}
	return nil
}

// restart has a member's state fetched anew.
func (c *core) restart(m *member) {
	m.clear()
	c.changed(m)
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
		switch {
		case do == reject || e.Version <= r.max:
		case e.Deleted && e.Version <= r.gc: // the sender has not forgotten it yet
			r.max = e.Version
		default:
			r.put(e)
		}
	}
	// On the way to a whole state, old values stand beside new ones.
	if limit := maxState; len(r.entries) > maxKeys || r.weight > 2*limit || r.weight > limit && r.max == r.head.Max {
		return r, do, wire.ErrTooBig.With("more than %d keys or %d bytes", maxKeys, maxState)
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
	maps.DeleteFunc(m.expires, func(key string, _ time.Time) bool { return m.entries[key] == nil })
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
		m.restarted = now
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
