package gossip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Attacks in which one member has honest ones speak ill of each other, wear each
// other out, or fall silent. What everybody passes on in good faith must never be
// held against who passed it on.

// author is a member that signs whatever serves it.
type author struct {
	stranger
	chain chain
}

func newAuthor(i int) author {
	s := newStranger(i)
	return author{s, newChain(newChainSalt(s.who, 5), 0)}
}

// entry is a record of incarnation 5.
func (a author) entry(t testing.TB, version uint64, key, value string) *signedEntry {
	t.Helper()
	e, err := signEntry(a.key, "test", entry{Incarnation: 5, Version: version, Key: key, Value: []byte(value)})
	if err != nil {
		t.Fatal(err)
	}
	return &e
}

// delta says entries since version from, under a head whose root is that of all.
func (a author) delta(t testing.TB, seq, from uint64, all ...*signedEntry) delta {
	t.Helper()
	r := replica{}
	d := delta{Owner: a.who[:], From: from}
	for _, e := range all {
		r.put(e)
		if e.Version > from {
			d.Entries = append(d.Entries, e.Signed)
		}
	}
	anchor := a.chain.anchor()
	d.Head = a.sign(t, head{Incarnation: 5, Seq: seq, Max: r.max, Root: root(r.entries), Anchor: anchor[:]})
	return d
}

func (a author) beat(number uint64) []byte {
	l, _ := a.chain.link(number)
	return appendBeat(nil, beat{a.who.short(), number, l})
}

// unblamed reports an error for every node that holds something against another.
func (s *sim) unblamed() {
	s.t.Helper()
	for _, n := range s.nodes {
		for p, r := range n.remotes {
			if s.byID[p] != nil && (r.strikes > 0 || !r.blocked.IsZero()) {
				s.t.Errorf("node %d holds %d strikes against node %d, blocked until %v", n.index, r.strikes, s.byID[p].index, r.blocked)
			}
		}
	}
}

// Who shows half of the mesh one chain of heartbeats and the other half another
// does not make the halves take each other for liars, and is found out.
func TestTwoChainsDivideNobody(t *testing.T) {
	for name, seqs := range map[string][2]uint64{"one head": {1, 1}, "two heads": {1, 2}} {
		s := newSim(t, 6, 1, Options{})
		s.until(time.Minute, "together", s.together)
		s.told = func(n *simNode, e Event) {
			if e.Kind == KindDead && s.byID[e.Peer] != nil {
				t.Errorf("%s: node %d tells that node %d is dead", name, n.index, s.byID[e.Peer].index)
			}
		}
		one, two := newAuthor(1), newAuthor(1)
		two.chain = newChain(newChainSalt(two.who, 5), 0)
		for second := range uint64(30) { // the second chain runs ahead, so that its heartbeats are news
			for i, n := range s.nodes {
				a, seq, number := one, seqs[0], second+1
				if i >= 3 {
					a, seq, number = two, seqs[1], 2*second+1
				}
				d := a.delta(t, seq, 0, a.entry(t, 1, "k", "v"))
				n.bring(a.id, &message{Kind: kindPush, Deltas: []delta{d}, Beats: a.beat(number)})
			}
			s.run(time.Second)
		}
		s.unblamed()
		if !s.together() {
			t.Errorf("%s: the mesh is divided", name)
		}
		marked := slices.ContainsFunc(s.nodes, func(n *simNode) bool { return n.members[one.id].equivocates })
		if !marked && seqs[0] != seqs[1] {
			t.Errorf("%s: nobody found it out", name)
		}
	}
}

// Who tells two histories, or takes back what it has signed, does not have those
// blamed who pass on what they believe.
func TestTwoHistoriesBlameNobody(t *testing.T) {
	relay := newStranger(2).id
	a := newAuthor(1)
	e1, e2, other, e3 := a.entry(t, 1, "a", "1"), a.entry(t, 2, "b", "2"), a.entry(t, 2, "b", "else"), a.entry(t, 3, "c", "3")
	var many []*signedEntry
	for i := range uint64(maxKeys) {
		many = append(many, a.entry(t, i+1, fmt.Sprint("key", i), ""))
	}
	tests := map[string]struct{ held, comes delta }{
		"another second value":     {a.delta(t, 1, 0, e1, e2), a.delta(t, 2, 2, e1, other, e3)},
		"another, in part":         {a.delta(t, 1, 0, e1, e2), a.delta(t, 2, 1, e1, other, e3)},
		"a later head with less":   {a.delta(t, 6, 0, e1), a.delta(t, 5, 1, e1, e2, e3)},
		"… which comes second":     {a.delta(t, 5, 0, e1, e2, e3), a.delta(t, 6, 1, e1, e2)},
		"more keys than there may": {a.delta(t, 1, 0, many...), a.delta(t, 2, maxKeys, append(slices.Clone(many), a.entry(t, maxKeys+1, "more", ""))...)},
	}
	for name, test := range tests {
		n := newSim(t, 1, 1, Options{}).nodes[0]
		n.bring(a.id, push(test.held))
		if m := n.members[a.id]; m == nil || !m.proven {
			t.Fatalf("%s: what is held: %+v", name, m)
		}
		for range strikes {
			n.bring(relay, push(cloneDelta(test.comes)))
		}
		if r := n.remote(n.sim.now, relay); r.strikes > 0 || !r.blocked.IsZero() {
			t.Errorf("%s: the relay is blamed", name)
		}
		if m := n.members[a.id]; len(m.entries) > maxKeys || m.max == m.head.Max && !m.proven {
			t.Errorf("%s: holds %d keys, max %d of %d, proven %v", name, len(m.entries), m.max, m.head.Max, m.proven)
		}
	}
}

// Who takes back what its head said is marked.
func TestTakingBackIsMarked(t *testing.T) {
	a := newAuthor(1)
	n := newSim(t, 1, 1, Options{}).nodes[0]
	n.bring(a.id, push(a.delta(t, 5, 0, a.entry(t, 1, "a", "1"), a.entry(t, 2, "b", "2"))))
	n.bring(a.id, push(a.delta(t, 6, 0, a.entry(t, 1, "a", "1"))))
	if m := n.members[a.id]; !m.equivocates || m.max != 2 || m.head.Seq != 5 {
		t.Errorf("marked %v, max %d, head %d", m.equivocates, m.max, m.head.Seq)
	}
}

// An honest member near its bounds: on the way from one state to the next, old
// values stand beside new ones, and nobody is blamed for that.
func TestFullStatesMoveOn(t *testing.T) {
	s, a, b := pair(t)
	for i := range 15 {
		a.say(fmt.Sprint("k", i), strings.Repeat("x", MaxValue))
	}
	s.until(time.Minute, "there", func() bool { return s.has(a, "k14", strings.Repeat("x", MaxValue)) })
	for i := range 7 { // small, so that another has room, and then as large as fits
		a.say(fmt.Sprint("k", i), "")
		a.say(fmt.Sprint("l", i), strings.Repeat("y", MaxValue))
	}
	for i := range 7 {
		a.say(fmt.Sprint("k", i), "small again")
	}
	s.run(10 * time.Second)
	if m := b.of(a); !m.proven || m.max != a.self.max {
		t.Errorf("max %d of %d, proven %v", m.max, a.self.max, m.proven)
	}
	s.unblamed()
}

// One that has not heard yet that a deletion was forgotten is not blamed for
// telling of it.
func TestForgottenDeletionsAreStillTold(t *testing.T) {
	a := newAuthor(1)
	n := newSim(t, 1, 1, Options{}).nodes[0]
	gone, err := signEntry(a.key, "test", entry{Incarnation: 5, Version: 2, Key: "b", Deleted: true})
	if err != nil {
		t.Fatal(err)
	}
	before := a.delta(t, 5, 0, a.entry(t, 1, "a", "1"), &gone)
	after := a.delta(t, 6, 0, a.entry(t, 1, "a", "1"))
	anchor := a.chain.anchor()
	after.Head = a.sign(t, head{Incarnation: 5, Seq: 6, Max: 2, GC: 2, Root: root(map[string]*signedEntry{"a": a.entry(t, 1, "a", "1")}), Anchor: anchor[:]})
	after.Entries = nil
	n.bring(a.id, push(after)) // only the head: nothing is held
	relay := newStranger(2).id
	n.bring(relay, push(before))
	if r := n.remote(n.sim.now, relay); r.strikes > 0 {
		t.Error("the relay is blamed")
	}
	if m := n.members[a.id]; m == nil || !m.proven || m.entries["a"] == nil || m.entries["b"] != nil {
		t.Errorf("holds %+v", m)
	}
}

// A helper calls a member once in an interval however many ask it to, so nobody
// can have it speak too much to be heard; and who asks in earnest is told.
func TestHelpersCallSeldom(t *testing.T) {
	s := newSim(t, 4, 1, Options{})
	s.until(time.Minute, "together", s.together)
	helper, target, asker := s.nodes[1], s.nodes[2], s.nodes[3]
	probes, answers := 0, 0
	helper.hook = func(to peer.ID, m *message) bool {
		if m.Kind == kindProbe && to == target.self.id {
			probes++
		}
		if m.Kind == kindProbed && to == asker.self.id && len(m.Beats) > 0 {
			answers++
		}
		return true
	}
	ask := &message{Kind: kindAsk, Target: target.self.who[:]}
	for range 100 {
		for i := range 20 {
			helper.bring(newStranger(i).id, ask)
		}
		helper.bring(asker.self.id, ask)
		s.run(100 * time.Millisecond)
	}
	if probes < 9 || probes > 11 {
		t.Errorf("%d probes in ten seconds", probes)
	}
	if answers < 80 {
		t.Errorf("%d of 100 questions were answered", answers)
	}
	if c := target.counts.droppedMessages; c > 0 {
		t.Errorf("%d messages were too many", c)
	}
}

// Somebody who claims to lack more and more of a member's state does not slow
// that member down while others follow.
func TestClaimedBacklogSlowsNobody(t *testing.T) {
	n, others := alone(t, Options{SetRate: 100}, 1, 1)
	n.self.max = 10_000
	for i := range uint64(30) {
		behind := n.self.summary()
		behind.max -= 1000 + 10*i
		n.bring(others[0].id, &message{Kind: kindSyn, Digest: digestOfWants([]summary{behind}), Partial: true})
		n.bring(others[1].id, &message{Kind: kindSyn, Digest: digestOfWants([]summary{n.self.summary()}), Partial: true})
		n.sim.now = n.sim.now.Add(time.Second)
		n.advance(n.sim.now)
	}
	if n.own.backlog.rate < 100 {
		t.Errorf("%v changes a second are admitted", n.own.backlog.rate)
	}
}

// Who asks for everything again and again gets it a few times.
func TestAnswersAreBounded(t *testing.T) {
	keys := []int{}
	for range 30 {
		keys = append(keys, 20)
	}
	n, _ := alone(t, Options{}, keys...)
	greedy, sent := newStranger(1).id, 0
	n.hook = func(to peer.ID, m *message) bool {
		if data, err := wire.Marshal(m); err == nil && to == greedy {
			sent += len(data)
		}
		return true
	}
	ask := &message{Kind: kindSyn, Digest: digestOfWants([]summary{{who: n.self.who.short()}})}
	const seconds = 60
	for range 20 * seconds {
		n.sim.now = n.sim.now.Add(50 * time.Millisecond)
		n.bring(greedy, ask)
	}
	most := answersBurst + seconds*(answersPerInterval+20*40*60)
	t.Logf("%d bytes in a minute", sent)
	if sent > most || sent < answersBurst {
		t.Errorf("%d bytes in a minute, at most %d are due", sent, most)
	}
}

// One that writes as fast as it can does not fill everybody's line.
func TestOneOwnerFloodsNobody(t *testing.T) {
	s := newSim(t, 5, 1, Options{})
	s.until(time.Minute, "together", s.together)
	a := newAuthor(1)
	s.run(5 * time.Second)
	s.encode = true
	before := s.nodes[1].bytes
	version := uint64(0)
	const seconds = 20
	for seq := range uint64(10 * seconds) {
		var all []*signedEntry
		for k := range 12 {
			version++
			all = append(all, a.entry(t, version, fmt.Sprint(k), strings.Repeat("x", MaxValue)))
		}
		s.nodes[0].bring(a.id, push(a.delta(t, seq+1, version-12, all...)))
		s.run(100 * time.Millisecond)
	}
	each := (s.nodes[1].bytes - before) / seconds
	t.Logf("a node sends %d B/s", each)
	if each > 5*inflowPerInterval+inflowBurst/seconds*4 {
		t.Errorf("a node sends %d B/s", each)
	}
	s.unblamed()
	if !s.together() {
		t.Error("not together")
	}
}
