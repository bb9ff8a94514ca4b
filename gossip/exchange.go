package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// fullEvery is the rounds after which a digest is sent whole though a hash
// would do: the dead stand only there.
const fullEvery = 10

// begin starts the exchanges of a round.
func (c *core) begin(now time.Time) {
	for _, p := range c.partners(now) {
		m := &message{Kind: kindSyn}
		if c.rounds%fullEvery == 0 {
			m.Digest, m.Partial = c.digest(now)
		} else {
			r := c.refresh()
			m.Hash, m.Heard = r.hash, r.heard()
		}
		c.send(p, m)
	}
}

// handle takes a message from a peer, whom the transport has authenticated.
func (c *core) handle(now time.Time, from peer.ID, m *message) {
	c.resume(now)
	c.seal(now)
	if c.members[from] != nil { // who is no member may be on this machine, and says nothing of the network
		c.hear(now)
	}
	c.met(now, from)
	failed := c.applyAll(now, from, m)
	if failed {
		c.strike(now, from)
		return
	}
	switch m.Kind {
	case kindSyn, kindSynAck, kindAck, kindPush:
		c.answer(now, from, m)
	case kindProbe:
		c.send(from, &message{Kind: kindProbed, Nonce: m.Nonce, Beats: beatsOf([]*member{c.self})})
	case kindProbed:
		c.pass(now, from, m)
	case kindAsk:
		c.help(now, from, m)
	}
}

// answers says which kind answers which.
var answers = [...]uint8{kindSyn: kindSynAck, kindSynAck: kindAck, kindAck: kindPush, kindPush: 0}

// answer sends what the other side of an exchange lacks, and asks for what is
// lacking here where that will be answered.
func (c *core) answer(now time.Time, from peer.ID, m *message) {
	reply := &message{Kind: answers[m.Kind]}
	if reply.Kind == 0 {
		return
	}
	roster := c.refresh()
	same := string(roster.hash) == string(m.Hash)
	switch {
	case m.Kind == kindSyn && len(m.Hash) > 0 && same:
		ours, want := roster.compare(m.Heard)
		reply.Hash, reply.Beats, reply.Want = m.Hash, beatsOf(ours), want
	case m.Kind == kindSyn && len(m.Hash) > 0:
		reply.Digest, reply.Partial = c.digest(now)
	case len(m.Want) > 0 && same:
		reply.Beats = beatsOf(roster.wanted(m.Want))
	case len(m.Digest) > 0:
		c.answerDigest(now, from, reply, m)
	}
	if reply.Kind == kindSynAck || len(reply.Beats)+len(reply.Digest)+len(reply.Deltas) > 0 {
		c.send(from, reply)
	}
}

func (c *core) answerDigest(now time.Time, from peer.ID, reply, m *message) {
	digest, err := parseDigest(m.Digest)
	if err != nil {
		return // applyAll has seen it
	}
	d := c.compare(digest, m.Partial, now)
	deltas, wrote := c.deltas(d.behind)
	if !c.mayAnswer(now, from, size(deltas)) {
		deltas, wrote = nil, nil
	}
	reply.Deltas = deltas
	reply.Beats = beatsOf(sendable(d, wrote))
	if m.Kind != kindAck {
		reply.Digest, reply.Partial = digestOfWants(d.wants), true
	}
}

// sendable returns whose heartbeats are of use to somebody who lacks d and gets
// the deltas of wrote: without the head that is behind a heartbeat it cannot be
// checked.
func sendable(d difference, wrote []*member) []*member {
	lacking := make(map[*member]bool, len(d.behind))
	for _, g := range d.behind {
		lacking[g.m] = true
	}
	for _, m := range wrote {
		delete(lacking, m)
	}
	var all []*member
	for _, m := range d.beats {
		if !lacking[m] {
			all = append(all, m)
		}
	}
	return all[:min(len(all), maxBeats)]
}

// news notes that a member's state is newer than version, so that others hear of
// it soon.
func (c *core) news(m *member, version uint64, now time.Time) {
	if _, already := c.fresh[m]; !already {
		c.fresh[m] = version
	}
	if c.nextFlush.IsZero() {
		c.nextFlush = later(now.Add(c.opt.Delay), c.lastFlush.Add(c.opt.Interval/10))
	}
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// flush pushes the news to some members.
func (c *core) flush(now time.Time) {
	c.seal(now)
	gaps := make([]gap, 0, len(c.fresh))
	for m, from := range c.fresh {
		if c.members[m.id] == m {
			gaps = append(gaps, gap{m, min(from, m.max), false})
		}
	}
	clear(c.fresh)
	c.nextFlush, c.lastFlush = time.Time{}, now
	deltas, wrote := c.deltas(gaps)
	if len(deltas) == 0 {
		return
	}
	for _, p := range c.some(c.opt.Push) {
		c.send(p, &message{Kind: kindPush, Deltas: deltas, Beats: beatsOf(wrote)})
	}
}
