package gossip

import (
	"cmp"
	"crypto/sha256"
	"encoding/binary"
	"slices"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/libp2p/go-libp2p/core/peer"
)

// A mesh may be larger than what one member can watch. Then it watches the
// important ones, its neighbours by XOR of the keys, who watch each other and so
// pass on each other's heartbeats, and a few strangers by lot, which hold the
// mesh together and which nobody can choose for it by making keys. All others
// are no members here.
const strangersShare = 8 // one in so many of the neighbourhood is a stranger

// hood says who is worth watching in a mesh that is too large.
type hood struct {
	secret    [16]byte // of the lot
	stale     bool
	full      bool
	distance  uint64 // who is nearer than this is a neighbour
	lot       uint64 // whose lot is lower than this may be a stranger
	strangers []*member
	curious   time.Time                   // when somebody is asked for who may be important
	dull      *lru.Cache[short, struct{}] // who was asked for, and is not
}

// maxDull bounds those who are not asked for again; dullRounds is after how many
// rounds they are, as they may have become important.
const (
	maxDull    = 4 * maxMembers
	dullRounds = 600
)

func newDull() *lru.Cache[short, struct{}] {
	cache, err := lru.New[short, struct{}](maxDull)
	if err != nil {
		panic("gossip: internal error: " + err.Error())
	}
	return cache
}

func (c *core) distance(s short) uint64 {
	own := c.self.who.short()
	return binary.BigEndian.Uint64(own[:]) ^ binary.BigEndian.Uint64(s[:])
}

func (c *core) lot(s short) uint64 {
	var buf [24]byte
	copy(buf[:], c.hood.secret[:])
	copy(buf[16:], s[:])
	sum := sha256.Sum256(buf[:])
	return binary.BigEndian.Uint64(sum[:8])
}

// ordinary returns the members that have shown life and are not important, the
// nearest first.
func (c *core) ordinary() []*member {
	all := make([]*member, 0, len(c.members))
	for _, m := range c.members {
		if m != c.self && !m.important && m.state != Unknown {
			all = append(all, m)
		}
	}
	slices.SortFunc(all, func(a, b *member) int {
		return cmp.Compare(c.distance(a.who.short()), c.distance(b.who.short()))
	})
	return all
}

// look brings the hood up to date.
func (c *core) look() *hood {
	h := &c.hood
	if !h.stale {
		return h
	}
	all := c.ordinary()
	h.stale, h.full, h.strangers = false, len(all) >= c.opt.Neighbourhood, nil
	if !h.full {
		return h
	}
	near := c.opt.Neighbourhood - c.opt.Neighbourhood/strangersShare
	h.strangers = slices.Clone(all[near:c.opt.Neighbourhood])
	h.distance, h.lot = 0, 0
	if near > 0 {
		h.distance = c.distance(all[near-1].who.short())
	}
	for _, m := range h.strangers {
		h.lot = max(h.lot, c.lot(m.who.short()))
	}
	for _, m := range c.members {
		if m.important {
			h.strangers = append(h.strangers, m)
		}
	}
	slices.SortFunc(h.strangers, byIdentity)
	return h
}

// wouldAdmit reports whether somebody of whom a digest speaks is worth asking
// for. Whether a stranger is important shows only when his whole id is known:
// one in a second is asked for that.
func (c *core) wouldAdmit(s summary, now time.Time) bool {
	h := c.look()
	if was, known := c.gone.Peek(s.who); known && !was.before(s.incarnation, s.beat) || len(c.members) > maxMembers {
		return false
	}
	if !h.full || c.distance(s.who) < h.distance || c.lot(s.who) < h.lot {
		return true
	}
	if now.Before(h.curious) || h.dull.Contains(s.who) {
		return false
	}
	h.curious = now.Add(c.opt.Interval)
	return true
}

// makeRoom reports whether somebody is worth a place, and gives it to him.
func (c *core) makeRoom(now time.Time, p peer.ID, who short) bool {
	switch h := c.look(); {
	case len(c.members) > maxMembers:
		return false
	case c.important(p):
		return true
	case h.full && c.distance(who) >= h.distance && c.lot(who) >= h.lot:
		h.dull.Add(who, struct{}{})
		return false
	}
	return c.crowd(now)
}

// crowd reports whether one more that has not shown life may wait for it: they
// have no claim to the place of one who has. Who has waited long enough goes.
func (c *core) crowd(now time.Time) bool {
	waiting := 0
	var oldest *member
	for _, m := range c.members {
		if m.state != Unknown || m.important {
			continue
		}
		waiting++
		if oldest == nil || m.since.Before(oldest.since) {
			oldest = m
		}
	}
	if waiting < max(c.opt.Neighbourhood-len(c.ordinary()), c.opt.Neighbourhood/4, 1) {
		return true
	}
	if oldest == nil || now.Sub(oldest.since) < 3*c.opt.Interval {
		return false
	}
	c.displace(oldest)
	return true
}

// displace parts with a member whose place is another's. It is not remembered:
// it may come back at any time.
func (c *core) displace(m *member) {
	c.remove(m)
	c.tell(Event{Kind: KindForgotten, Peer: m.id, Incarnation: m.incarnation()})
}

// least returns the ordinary member that is worth least: one that is dead, or
// the stranger of the highest lot. There must be an ordinary member.
func (c *core) least() *member {
	all := c.ordinary()
	for _, m := range all {
		if !m.state.Alive() {
			return m
		}
	}
	near := c.opt.Neighbourhood - c.opt.Neighbourhood/strangersShare
	return slices.MaxFunc(all[min(near, len(all)-1):], func(a, b *member) int {
		return cmp.Compare(c.lot(a.who.short()), c.lot(b.who.short()))
	})
}

// weed finds out who is important now, and parts with whom there is no room for.
func (c *core) weed() {
	if c.rounds%dullRounds == 0 {
		c.hood.dull.Purge()
	}
	for _, m := range c.members {
		m.important = m != c.self && c.important(m.id)
	}
	c.fit()
}

// fit parts with the ordinary members for whom there is no room.
func (c *core) fit() {
	c.hood.stale = true
	for range len(c.ordinary()) - c.opt.Neighbourhood {
		c.displace(c.least())
	}
}

// patience is how long a member may be silent while there are too few
// heartbeats to go by. In a mesh that is too large those of strangers come
// only from themselves, when it is their turn to be called.
func (c *core) patience() time.Duration {
	h := c.look()
	turns := 2 * time.Duration(len(h.strangers)) * c.opt.Interval
	return max(unknownTime, turns)
}
