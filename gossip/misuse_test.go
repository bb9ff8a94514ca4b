package gossip

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// What costs a liar nothing must cost nobody else anything.

// Forged records use up nothing that is their owner's, whoever brings them: neither
// what may be taken of it in an interval, nor its place.
func TestForgedRecordsUseUpNothing(t *testing.T) {
	s, a, b := pair(t)
	forger := newStranger(1)
	forged := func(bytes int) delta {
		d := delta{Owner: a.self.who[:], From: b.of(a).max}
		for v := uint64(1000); bytes > 0; v++ {
			size := min(bytes, MaxValue)
			e, err := signEntry(forger.key, "test", entry{Incarnation: a.self.incarnation(), Version: v, Key: fmt.Sprint(v), Value: make([]byte, size)})
			if err != nil {
				t.Fatal(err)
			}
			d.Entries = append(d.Entries, e.Signed)
			bytes -= size
		}
		d.Head = forger.sign(t, head{
			Incarnation: a.self.incarnation(), Seq: 1 << 40, Max: 2000, Root: make([]byte, rootSize), Anchor: make([]byte, linkSize),
		})
		return d
	}
	for i := range 20 {
		liar := newStranger(10 + i).id
		for _, bytes := range []int{60_000, 4000, 0} {
			b.bring(liar, push(forged(bytes)))
		}
	}
	a.say("colour", "green")
	for i := range 1000 { // what comes to it in a second, head by head
		b.bring(newStranger(100+i).id, push(forged(0)))
		s.run(time.Millisecond)
	}
	if !s.has(a, "colour", "green") {
		t.Error("what a says is not taken any more")
	}
}

// Nor do they take the place of those who wait for a sign of life.
func TestForgedMembersPushOutNobody(t *testing.T) {
	n := newSim(t, 1, 1, Options{Neighbourhood: 8}).nodes[0]
	for i := range 8 {
		n.bring(newStranger(1).id, push(newStranger(100+i).state(t, 5, 1, "a")))
	}
	before := len(n.members)
	n.sim.now = n.sim.now.Add(time.Minute / 2)
	for i := range 30 {
		d := newStranger(200+i).state(t, 5, 1, "a")
		d.Head.Sig[0] ^= 1
		n.bring(newStranger(1000+i).id, push(d))
	}
	if before < 8 || len(n.members) != before {
		t.Errorf("%d members, before the forgeries %d", len(n.members), before)
	}
}

// A peer whose records and heartbeats are not believed, or are no news, has only so
// many of them looked at.
func TestWorthlessRecordsAreCharged(t *testing.T) {
	s, a, b := pair(t)
	liar := newStranger(1).id
	left := func() float64 { return b.remote(b.sim.now, liar).checks.TokensAt(b.sim.now) }
	for i := range 200 {
		a.say("colour", fmt.Sprint(i))
	}
	s.until(time.Minute, "there", func() bool { return s.has(a, "colour", "199") })
	d := b.copyOf(a)
	d.Entries = nil
	for i := range uint64(190) { // of versions that were superseded
		e, err := signEntry(newStranger(1).key, "test", entry{Incarnation: a.self.incarnation(), Version: 3 + i, Key: "k"})
		if err != nil {
			t.Fatal(err)
		}
		d.Entries = append(d.Entries, e.Signed)
	}
	before := left()
	if told := b.bring(liar, push(d)); struck(told) {
		t.Fatalf("%v", told)
	}
	if cost := before - left(); cost < 190/entriesPerCheck {
		t.Errorf("190 old entries cost %.0f checks", cost)
	}

	// Heartbeats far up a chain that does not lead down to the known one.
	before = left()
	m := b.of(a)
	var beats []byte
	for range 50 {
		beats = appendBeat(beats, beat{m.who.short(), m.head.Base + chainLength, link{1}})
	}
	b.bring(liar, &message{Kind: kindPush, Beats: beats})
	if cost := before - left(); cost < 50*2*(chainLength-100)/hashesPerCheck {
		t.Errorf("50 wrong heartbeats, each of %d hashes looked at twice, cost %.0f checks", chainLength, cost)
	}
}

// What of a member is replaced as a whole, again and again, leaves nothing behind.
func TestReplacedStatesLeaveNothing(t *testing.T) {
	n := newSim(t, 1, 1, Options{}).nodes[0]
	a := newAuthor(1)
	for life := range uint64(50) { // of values, each of them gone before the next is heard of
		e, err := signEntry(a.key, "test", entry{Incarnation: 5, Version: 10*life + 9, Key: fmt.Sprint("k", life), TTL: 3_600_000})
		if err != nil {
			t.Fatal(err)
		}
		anchor := a.chain.anchor()
		d := delta{Owner: a.who[:], Entries: []wire.Signed{e.Signed}}
		d.Head = a.sign(t, head{
			Incarnation: 5, Seq: life + 1, Max: e.Version, GC: e.Version - 1, Anchor: anchor[:],
			Root: root(map[string]*signedEntry{e.Key: &e}),
		})
		if told := n.bring(a.id, push(d)); struck(told) {
			t.Fatal(told)
		}
	}
	if m := n.members[a.id]; len(m.entries) != 1 || len(m.expires) != 1 || !m.proven {
		t.Errorf("%d entries, %d that expire", len(m.entries), len(m.expires))
	}
}

// Whoever begins life after life is taken at his word once in an interval, so that
// nobody who watches drowns in it.
func TestLivesAreBounded(t *testing.T) {
	n := newSim(t, 1, 1, Options{}).nodes[0]
	o, restarts := newStranger(1), 0
	for i := range 200 {
		for _, e := range n.bring(o.id, push(o.state(t, uint64(5+i), 1, "a"))) {
			if e.Kind == KindRestarted {
				restarts++
			}
		}
		n.sim.now = n.sim.now.Add(50 * time.Millisecond)
	}
	if restarts < 5 || restarts > 11 {
		t.Errorf("%d restarts in ten seconds", restarts)
	}
}

// An old goodbye counts for nothing once its owner lives again, whoever brings it,
// and also where the owner has lost its memory and its clock is behind; a forged one
// never does.
func TestOldGoodbyesCountForNothing(t *testing.T) {
	s := newSim(t, 4, 1, Options{})
	s.until(time.Minute, "together", s.together)
	gone := s.nodes[3]
	s.run(10 * time.Second)
	gone.act(func() { gone.leave(s.now) })
	s.run(2 * time.Second)
	bye := cloneDelta(s.nodes[1].copyOf(gone))
	if s.nodes[1].state(gone) != Left {
		t.Fatalf("it is %s", s.nodes[1].state(gone))
	}
	gone.crash()
	s.run(20 * time.Second)
	gone.store = 0
	real := s.now
	s.now = s.now.Add(-time.Hour) // it boots with its clock behind
	gone.boot(Options{})
	s.now = real
	gone.nextTick = real
	gone.woken = time.Time{}
	gone.arm()
	took := s.until(5*time.Second, "live again", s.together)
	t.Logf("live again after %v", took)
	for i := range 30 {
		for _, n := range s.nodes {
			n.bring(newStranger(i).id, push(cloneDelta(bye)))
		}
		s.run(100 * time.Millisecond)
	}
	if !s.together() {
		t.Error("an old goodbye was believed")
	}
	liar := newStranger(1)
	h := gone.self.head.head
	h.Seq, h.Left = h.Seq+1, true
	s.nodes[1].bring(liar.id, push(delta{Owner: gone.self.who[:], From: h.Max, Head: liar.sign(t, h)}))
	if s.nodes[1].state(gone) != Live {
		t.Error("a forged goodbye was believed")
	}
}

// A member that came back before it was taken off the disk stays there; and one that
// was seen by a clock that was ahead is no older than now.
func TestStoreKeepsWhoCameBack(t *testing.T) {
	store := NewMemoryStore()
	g, err := New(Config{Key: testKey(0), Mesh: "test", Transport: nowhere{}, Store: store})
	if err != nil {
		t.Fatal(err)
	}
	o, now := newStranger(1), time.Now()
	for range 2 {
		if err := g.core.applyDelta(now, o.id, o.state(t, 5, 1, "a"), nil, 0); err != nil {
			t.Fatal(err)
		}
		if m := g.core.members[o.id]; len(g.core.lost) == 0 {
			g.core.displace(m)
		}
	}
	if err := g.store(); err != nil {
		t.Fatal(err)
	}
	saved, err := store.Get(o.id)
	if err != nil || len(saved.Records) == 0 {
		t.Fatalf("it is not kept: %v", err)
	}
	saved.Live, saved.Seen = false, now.Add(48*time.Hour)
	c := newSim(t, 1, 1, Options{}).nodes[0]
	c.restore(c.sim.now, saved)
	if m := c.members[o.id]; m == nil || m.lastSign().After(c.sim.now) {
		t.Errorf("restored as %+v", m)
	}
}

// A relay that tells half of the mesh everything of a member, last things first, and
// the other half nothing, divides nobody.
func TestCrookedRelayDividesNobody(t *testing.T) {
	s := newSim(t, 8, 1, Options{})
	s.until(time.Minute, "together", s.together)
	victim, relay := s.nodes[2], s.nodes[1]
	var held []outgoing
	relay.hook = func(to peer.ID, m *message) bool {
		if s.byID[to].index%2 == 0 {
			return false
		}
		held = append(held, outgoing{to, m})
		if len(held) >= 5 {
			for i := len(held) - 1; i >= 0; i-- {
				s.carry(relay, held[i])
			}
			held = nil
		}
		return false
	}
	dead := 0
	s.told = func(n *simNode, e Event) {
		if e.Kind == KindDead && e.Peer != relay.self.id && n != relay {
			dead++
		}
	}
	for i := range 60 {
		victim.say("k", strings.Repeat("x", i))
		victim.say(fmt.Sprint("k", i%7), fmt.Sprint(i))
		s.run(time.Second)
	}
	s.run(5 * time.Second)
	if !s.has(victim, "k", strings.Repeat("x", 59)) || dead > 0 {
		t.Errorf("%d deaths; all have the last value: %v", dead, s.has(victim, "k", strings.Repeat("x", 59)))
	}
	s.unblamed()
}
