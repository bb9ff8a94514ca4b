package gossip

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"
)

// roster is the living members in order, and the hash of what is held of them.
// Two members whose hashes agree tell each other of heartbeats by position.
type roster struct {
	stale   bool
	members []*member
	hash    []byte
}

// refresh brings the roster up to date.
func (c *core) refresh() *roster {
	r := &c.roster
	if !r.stale {
		return r
	}
	r.stale = false
	r.members = r.members[:0]
	for _, m := range c.members {
		if m.state.Alive() && m.head.Seq > 0 {
			r.members = append(r.members, m)
		}
	}
	slices.SortFunc(r.members, byIdentity)
	buf := make([]byte, 0, len(r.members)*40)
	for _, m := range r.members {
		key := m.who.short()
		buf = append(buf, key[:]...)
		for _, n := range [...]uint64{m.incarnation(), m.gc, m.max, m.head.Seq} {
			buf = binary.BigEndian.AppendUint64(buf, n)
		}
	}
	sum := sha256.Sum256(buf)
	r.hash = sum[:rootSize]
	return r
}

func byIdentity(a, b *member) int { return bytes.Compare(a.who[:], b.who[:]) }

// heard returns the low bits of the heartbeats of all in the roster.
func (r *roster) heard() []byte {
	buf := make([]byte, 0, 2*len(r.members))
	for _, m := range r.members {
		buf = binary.BigEndian.AppendUint16(buf, uint16(m.beat))
	}
	return buf
}

// compare holds what somebody with the same roster has heard against ours.
func (r *roster) compare(heard []byte) (ours []*member, want []byte) {
	if len(heard) != 2*len(r.members) {
		return nil, nil
	}
	for i, m := range r.members {
		switch ahead := int16(uint16(m.beat) - binary.BigEndian.Uint16(heard[2*i:])); {
		case ahead > 0:
			ours = append(ours, m)
		case ahead < 0:
			if want == nil {
				want = make([]byte, (len(r.members)+7)/8)
			}
			want[i/8] |= 1 << (i % 8)
		}
	}
	return ours, want
}

// wanted returns the members that a bitmap names.
func (r *roster) wanted(want []byte) []*member {
	var all []*member
	for i, m := range r.members {
		if i/8 < len(want) && want[i/8]&(1<<(i%8)) != 0 {
			all = append(all, m)
		}
	}
	return all
}

func (m *member) summary() summary {
	return summary{m.who.short(), m.incarnation(), m.gc, m.max, m.head.Seq, m.beat}
}

// digest returns a summary of every member that others should know of, or, when
// there are too many, of some: self, suspects, those with news, and others by
// chance. A digest is partial too when the mesh is larger than what is watched
// here: then what does not stand in it is not unknown, but none of our business.
func (c *core) digest(now time.Time) (data []byte, partial bool) {
	var first, rest []*member
	for _, m := range c.members {
		_, isFresh := c.fresh[m]
		switch {
		case !c.shown(m, now):
		case m == c.self || m.state == Suspect || isFresh:
			first = append(first, m)
		default:
			rest = append(rest, m)
		}
	}
	slices.SortFunc(first, byIdentity)
	slices.SortFunc(rest, byIdentity)
	if len(first)+len(rest) > maxDigest {
		c.rand.Shuffle(len(rest), func(i, j int) { rest[i], rest[j] = rest[j], rest[i] })
	}
	all := append(first, rest...)
	partial = len(all) > maxDigest || c.look().full
	return digestOf(all[:min(len(all), maxDigest)]), partial
}

func digestOf(members []*member) []byte {
	data := make([]byte, 0, 32*len(members))
	for _, m := range members {
		data = appendSummary(data, m.summary())
	}
	return data
}

// shown reports whether others are told of a member: not when it has been dead
// for half of the grace, so that it is gone everywhere before it is forgotten.
func (c *core) shown(m *member, now time.Time) bool {
	if m.head.Seq == 0 {
		return false
	}
	return m == c.self || m.state.Alive() || m.state == Unknown || now.Sub(m.lastSign()) < c.opt.Grace/2
}

// difference is what a digest calls for.
type difference struct {
	behind []gap     // what the other lacks
	beats  []*member // whose heartbeat it lacks
	wants  []summary // what we lack: where we are
}

// gap is a member of whose state somebody lacks what is after a version.
type gap struct {
	m       *member
	from    uint64
	unknown bool // the other does not know the member at all
}

// compare holds a digest against what is known here.
func (c *core) compare(digest []summary, partial bool, now time.Time) difference {
	var d difference
	listed := make(map[*member]bool, len(digest))
	for _, s := range digest {
		m := c.shorts[s.who]
		if m == nil || m.head.Seq == 0 {
			if c.wouldAdmit(s, now) && len(d.wants) < maxNew {
				d.wants = append(d.wants, summary{who: s.who})
			}
			continue
		}
		listed[m] = true
		c.compareOne(&d, m, s)
	}
	if partial {
		return d
	}
	for _, m := range c.members {
		if !listed[m] && c.shown(m, now) {
			d.behind = append(d.behind, gap{m, 0, true})
			d.beats = append(d.beats, m)
		}
	}
	slices.SortFunc(d.behind, func(a, b gap) int { return byIdentity(a.m, b.m) })
	slices.SortFunc(d.beats, byIdentity)
	return d
}

func (c *core) compareOne(d *difference, m *member, s summary) {
	switch cmp.Compare(m.incarnation(), s.incarnation) {
	case +1:
		d.behind = append(d.behind, gap{m, 0, s.incarnation == 0})
		d.beats = append(d.beats, m)
		return
	case -1:
		d.wants = append(d.wants, m.summary())
		return
	}
	if m.max > s.max || m.head.Seq > s.seq || m.gc > s.gc {
		d.behind = append(d.behind, gap{m, m.start(s.gc, s.max), false})
	}
	if m.beat > s.beat {
		d.beats = append(d.beats, m)
	}
	if s.max > m.max || s.seq > m.head.Seq || s.beat > m.beat {
		d.wants = append(d.wants, m.summary())
	}
	if m == c.self {
		c.own.backlog.saw(m.max - min(s.max, m.max))
	}
}

// beatsOf packs the heartbeats of members.
func beatsOf(members []*member) []byte {
	var data []byte
	for _, m := range members[:min(len(members), maxBeats)] {
		if m.beat > 0 {
			data = appendBeat(data, beat{m.who.short(), m.beat, m.link})
		}
	}
	return data
}

// digestOfWants packs what is lacking.
func digestOfWants(wants []summary) []byte {
	var data []byte
	for _, s := range wants[:min(len(wants), maxDigest)] {
		data = appendSummary(data, s)
	}
	return data
}
