package gossip

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/time/rate"

	"github.com/batchain/batchain/wire"
)

// ErrLeft says that this member has left and says nothing any more.
var ErrLeft = errors.New("this member has left")

// own is what a member alone knows of itself.
type own struct {
	chain    chain
	seq      uint64
	unsealed bool                 // head, and perhaps entries, are to be signed
	deleted  map[string]time.Time // keys that were deleted, and when
	left     bool
	reborn   time.Time // when the incarnation was raised last
	rebirths int       // how often of late
	admit    *rate.Limiter
	backlog  backlog
}

func (o *own) init(opt *Options) {
	o.deleted = map[string]time.Time{}
	o.admit = rate.NewLimiter(rate.Limit(opt.SetRate), max(int(opt.SetRate), 1))
	o.backlog.rate = opt.SetRate
}

// begun reports whether a life has begun: one that the store tells of is over.
func (o *own) begun() bool { return len(o.chain.links) > 0 }

// born begins a new life, in which the values are said anew. The caller makes
// the incarnation durable before anything is sent.
func (c *core) born(now time.Time, incarnation uint64) {
	s := c.self
	s.head.Incarnation = incarnation
	s.salt = newChainSalt(s.who, incarnation)
	s.known, s.since, s.beat = now, now, 0
	c.own.seq, c.own.left, c.own.reborn = 0, false, now
	s.state = Live
	c.own.chain = newChain(s.salt, 0)
	s.link = c.own.chain.anchor()
	old := s.entries
	s.clear()
	s.gc = 0
	clear(c.own.deleted)
	for _, e := range old {
		if !e.Deleted {
			c.say(entry{Key: e.Key, Value: e.Value, TTL: e.TTL})
		}
	}
	c.news(s, 0, now)
	c.own.unsealed = true
	c.changed(s)
}

// set says value under key from now on, and for ttl if that is above 0. An
// equal value is no change. It returns the version.
func (c *core) set(now time.Time, key string, value []byte, ttl time.Duration) (uint64, error) {
	if err := validPair(key, value); err != nil {
		return 0, err
	}
	if c.own.left {
		return 0, ErrLeft
	}
	e := entry{Key: key, Value: append([]byte(nil), value...), TTL: uint64(ttl.Milliseconds())}
	if !c.self.fits(&signedEntry{entry: e}) {
		return 0, wire.ErrFull.With("a member says at most %d keys and %d bytes", maxKeys, maxState)
	}
	before := c.self.max
	version := c.say(e)
	delete(c.own.deleted, key)
	c.expire(c.self, &e, now)
	c.said(now, before)
	return version, nil
}

// unset deletes a key; one that is not there is no change.
func (c *core) unset(now time.Time, key string) {
	if old := c.self.entries[key]; old == nil || old.Deleted || c.own.left {
		return
	}
	before := c.self.max
	c.say(entry{Key: key, Deleted: true})
	delete(c.self.expires, key)
	c.own.deleted[key] = now
	c.said(now, before)
}

// say gives an entry the next version, unsigned.
func (c *core) say(e entry) uint64 {
	e.Incarnation, e.Version = c.self.incarnation(), c.self.max+1
	c.self.put(&signedEntry{entry: e})
	return e.Version
}

func (c *core) said(now time.Time, before uint64) {
	c.own.unsealed = true
	c.news(c.self, before, now)
	c.changed(c.self)
}

// seal signs what has changed. Nothing may leave before.
func (c *core) seal(now time.Time) {
	if !c.own.unsealed || !c.own.begun() {
		return
	}
	for _, e := range c.self.entries {
		if len(e.Sig) > 0 {
			continue
		}
		signed, err := signEntry(c.key, c.mesh, e.entry)
		if err != nil {
			c.tell(Event{Kind: KindError, Peer: c.self.id, Err: err})
			return
		}
		*e = signed
	}
	c.own.seq++
	anchor := c.own.chain.anchor()
	h, err := signHead(c.key, c.mesh, head{
		Incarnation: c.self.incarnation(), Seq: c.own.seq, Max: c.self.max, GC: c.self.gc,
		Root: root(c.self.entries), Anchor: anchor[:], Base: c.own.chain.base, Left: c.own.left,
	})
	if err != nil {
		c.tell(Event{Kind: KindError, Peer: c.self.id, Err: err})
		return
	}
	c.self.head = h
	c.own.unsealed = false
	c.changed(c.self)
}

// advance makes the own heart beat.
func (c *core) advance(now time.Time) {
	if !c.own.begun() || c.own.left {
		return
	}
	l, ok := c.own.chain.link(c.self.beat + 1)
	if !ok {
		c.own.chain = newChain(c.self.salt, c.self.beat)
		c.own.unsealed = true
		c.news(c.self, c.self.max, now)
		l, _ = c.own.chain.link(c.self.beat + 1)
	}
	c.self.beat++
	c.self.link = l
	for key, at := range c.self.expires {
		if due(at, now) {
			c.unset(now, key)
		}
	}
	c.collect(now)
	c.own.backlog.round(now, c.own.admit)
}

// collect forgets own deletions that are old enough.
func (c *core) collect(now time.Time) {
	var gc uint64
	for key, at := range c.own.deleted {
		if e := c.self.entries[key]; e != nil && now.Sub(at) >= c.opt.TombstoneGrace {
			gc = max(gc, e.Version)
		}
	}
	if gc == 0 {
		return
	}
	c.self.forget(gc)
	for key := range c.own.deleted {
		if c.self.entries[key] == nil {
			delete(c.own.deleted, key)
		}
	}
	c.own.unsealed = true
	c.changed(c.self)
}

// leave says goodbye: the last head, which counts more than any heartbeat.
func (c *core) leave(now time.Time) {
	if c.own.left || !c.own.begun() {
		return
	}
	c.own.left = true
	c.self.state = Left
	c.own.unsealed = true
	c.news(c.self, c.self.max, now)
	c.seal(now)
	c.flush(now)
}

// refute answers records of this member's own that it has not made: those of an
// earlier life whose memory is lost, or of another process with the same key.
// They cannot be unsaid, only outdone, by a later life.
func (c *core) refute(now time.Time, d delta) error {
	s := c.self
	if d.Head == nil || c.silent {
		return nil
	}
	h, err := parseHead(*d.Head)
	if err != nil {
		return err
	}
	if h.Incarnation < s.incarnation() ||
		h.Incarnation == s.incarnation() && (h.Seq < c.own.seq || h.Seq == c.own.seq && string(h.Body) == string(s.head.Body)) {
		return nil
	}
	if err := c.verify(s.who, headKind, h.Signed); err != nil {
		return err
	}
	if h.Incarnation >= maxIncarnation {
		return fmt.Errorf("own record of incarnation %d cannot be outdone", h.Incarnation)
	}
	since := now.Sub(c.own.reborn)
	if since > quietTime {
		c.own.rebirths = 0
	}
	if n := c.own.rebirths; n > 1 && since < c.opt.Interval<<min(n, maxRebirthWait) {
		return errors.New("another process speaks with this member's key")
	}
	c.own.rebirths++
	c.born(now, h.Incarnation+1)
	return nil
}

// An earlier life is outdone once, or twice if it was not the last. Whoever has
// to go on is contradicted by another process with the same key; the two take
// turns at it, ever more slowly, until there was quiet.
const (
	quietTime      = 10 * time.Minute
	maxRebirthWait = 6 // doublings of an interval
)
