package gossip

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// The faults of gossipmonger, each with a test that it is not here.

// Members that join at once take nobody for dead, and nobody is taken for dead
// in the minutes after: the first intervals are no measure.
func TestJoinsKillNobody(t *testing.T) {
	n, span := 40, 5*time.Minute
	if brief() {
		n, span = 15, time.Minute
	}
	s := newSim(t, n, 1, Options{})
	s.told = func(node *simNode, e Event) {
		if e.Kind == KindDead || e.Kind == KindSuspect {
			t.Errorf("%v: node %d tells %s", s.now.Sub(s.began), node.index, e.Kind)
		}
	}
	s.until(time.Minute, "together", s.together)
	s.run(span)
}

// Who is only heard of is not live, is given up, and is not told of for ever.
func TestHearsayIsNotLife(t *testing.T) {
	s := newSim(t, 3, 1, Options{})
	s.until(time.Minute, "together", s.together)
	o := newStranger(1)
	lived := false
	s.told = func(_ *simNode, e Event) { lived = lived || e.Kind == KindLive && e.Peer == o.id }
	s.nodes[1].bring(newStranger(2).id, push(o.state(t, 5, 1, "a")))
	s.run(10 * time.Second)
	for _, n := range s.nodes {
		if m := n.members[o.id]; m == nil || m.state != Unknown {
			t.Fatalf("node %d holds it for %+v", n.index, m)
		}
	}
	s.run(unknownTime)
	for _, n := range s.nodes {
		if m := n.members[o.id]; m == nil || m.state != Dead {
			t.Errorf("after half a minute node %d holds it for %+v", n.index, m)
		}
	}
	for _, n := range s.nodes {
		n.opt.Grace = time.Minute
	}
	s.run(2 * time.Minute)
	for _, n := range s.nodes {
		if n.members[o.id] != nil {
			t.Errorf("node %d has not forgotten it", n.index)
		}
	}
	if lived {
		t.Error("it was told to live")
	}
}

// A second crash after an hour's outage is found as fast as the first.
func TestOutageDoesNotSlowDetection(t *testing.T) {
	s := newSim(t, 5, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(time.Minute)
	victim := s.nodes[4]
	victim.crash()
	first := s.known(victim, time.Minute)
	s.run(time.Hour)
	victim.boot(Options{})
	s.until(5*time.Second, "back", s.together)
	s.run(time.Minute)
	victim.crash()
	second := s.known(victim, time.Minute)
	t.Logf("first %v, second %v", first, second)
	if len(first) != 4 || len(second) != 4 || second[3] > first[3]+time.Second {
		t.Errorf("first crash known after %v, second after %v", first, second)
	}
	// The same when it was cut off and not restarted.
	s.cut = func(a, b *simNode) bool { return a == s.nodes[3] || b == s.nodes[3] }
	s.run(time.Hour)
	s.cut = nil
	s.until(10*time.Minute, "back", s.together)
	s.run(time.Minute)
	s.nodes[3].crash()
	if third := s.known(s.nodes[3], time.Minute); len(third) != 3 || third[2] > first[3]+time.Second {
		t.Errorf("third crash known after %v", third)
	}
}

// A node that comes back without its disk is heard within 5 s, also when its
// clock is behind what it was, and says its values anew.
func TestRestartWithEmptyDisk(t *testing.T) {
	for name, back := range map[string]time.Duration{"clock right": 0, "clock behind": 48 * time.Hour} {
		s := newSim(t, 10, 1, Options{})
		s.until(time.Minute, "together", s.together)
		n := s.nodes[9]
		for i := range 50 {
			n.say("k", fmt.Sprint(i))
		}
		s.until(time.Minute, "said", func() bool { return s.has(n, "k", "49") })
		n.crash()
		n.store = uint64(s.now.Add(back).UnixMilli()) // what the others know of
		s.run(time.Minute)
		restarted := 0
		s.told = func(_ *simNode, e Event) {
			if e.Kind == KindRestarted && e.Peer == n.self.id {
				restarted++
			}
		}
		if back > 0 { // the others have a later life of it than it will begin
			n.boot(Options{})
			n.say("k", "late")
			s.until(time.Minute, "said", func() bool { return s.has(n, "k", "late") })
			n.crash()
			s.run(time.Minute)
		}
		restarted = 0
		n.store = 0
		n.boot(Options{})
		n.say("k", "new")
		took := s.until(5*time.Second, "heard", func() bool { return s.has(n, "k", "new") })
		t.Logf("%s: heard after %v", name, took)
		if restarted < 9 {
			t.Errorf("%s: %d of 9 were told of the restart", name, restarted)
		}
	}
}

// The dead are forgotten after the grace and not brought back by those who
// remember them longer; those who left are, too.
func TestDeadAreForgotten(t *testing.T) {
	o := Options{Grace: 10 * time.Minute}
	s := newSim(t, 6, 1, o)
	s.until(time.Minute, "together", s.together)
	dead, left := s.nodes[4], s.nodes[5]
	dead.crash()
	left.leave(s.now)
	left.ship()
	s.run(100 * time.Millisecond)
	left.crash()
	s.until(time.Minute, "known", func() bool {
		return s.nodes[1].state(dead) == Dead && s.nodes[1].state(left) == Left
	})
	s.nodes[2].opt.Grace = 15 * time.Minute // one that remembers longer
	forgotten := 0
	s.told = func(_ *simNode, e Event) {
		switch e.Kind {
		case KindForgotten:
			forgotten++
		case KindNew, KindLive:
			t.Errorf("told of %s", e.Kind)
		}
	}
	s.run(20 * time.Minute)
	if forgotten != 8 {
		t.Errorf("%d forgotten, want 8", forgotten)
	}
	if len(s.nodes[0].members) != 4 || len(s.nodes[0].lost) != 2 {
		t.Errorf("%d members, %d to delete from the store", len(s.nodes[0].members), len(s.nodes[0].lost))
	}
	// An old record does not bring it back; a new life does.
	s.told = nil
	s.nodes[0].bring(s.nodes[1].self.id, push(dead.copyOf(dead)))
	if s.nodes[0].of(dead) != nil {
		t.Error("an old record brought it back")
	}
	dead.boot(o)
	s.until(10*time.Second, "back", func() bool { return s.nodes[0].state(dead) == Live })
}

// Deleted keys go everywhere and are forgotten after their grace; a member that
// was away meanwhile does not keep them.
func TestDeletionsAreForgotten(t *testing.T) {
	o := Options{TombstoneGrace: 5 * time.Minute}
	s := newSim(t, 4, 1, o)
	s.until(time.Minute, "together", s.together)
	a, away := s.nodes[1], s.nodes[3]
	a.say("stays", "1")
	a.say("goes", "1")
	s.until(time.Minute, "said", func() bool { return s.has(a, "goes", "1") })
	s.cut = func(x, y *simNode) bool { return x == away || y == away }
	a.unset(s.now, "goes")
	a.ship()
	s.until(10*time.Second, "deleted", func() bool {
		e := s.nodes[2].of(a).entries["goes"]
		return e != nil && e.Deleted
	})
	s.run(10 * time.Minute)
	if a.self.entries["goes"] != nil || s.nodes[2].of(a).entries["goes"] != nil {
		t.Error("the deletion is still there")
	}
	a.say("new", "1")
	s.run(10 * time.Second)
	s.cut = nil
	s.until(10*time.Minute, "back", func() bool { return s.has(a, "new", "1") })
	m := away.of(a)
	if m.entries["goes"] != nil || m.entries["stays"] == nil || !m.proven {
		t.Errorf("who was away holds %v", m.entries)
	}
}

// A value with a time to live is gone after it, also where the owner is.
func TestTimeToLive(t *testing.T) {
	s := newSim(t, 3, 1, Options{})
	s.until(time.Minute, "together", s.together)
	a, b := s.nodes[1], s.nodes[2]
	if _, err := a.set(s.now, "offer", []byte("x"), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	a.ship()
	s.until(5*time.Second, "said", func() bool { return s.has(a, "offer", "x") })
	see := func(n *simNode) bool { _, ok := n.snapshot(n.of(a), s.now).Values["offer"]; return ok }
	s.run(15 * time.Second)
	if !see(b) {
		t.Error("gone too early")
	}
	s.run(8 * time.Second)
	if e := a.self.entries["offer"]; see(b) || !e.Deleted {
		t.Errorf("still there: seen %v, own %+v", see(b), e)
	}
	if _, err := a.set(s.now, "offer", []byte("y"), 20*time.Second); err != nil {
		t.Fatal(err)
	}
	a.ship()
	s.until(5*time.Second, "said", func() bool { return s.has(a, "offer", "y") })
	a.crash()
	s.run(25 * time.Second)
	if see(b) {
		t.Error("a dead owner's value outlives it")
	}
}

// A hot writer neither falls behind nor holds up others.
func TestHotWriterHoldsUpNobody(t *testing.T) {
	s := newSim(t, 10, 1, Options{})
	s.until(time.Minute, "together", s.together)
	hot, cold := s.nodes[1], s.nodes[2]
	n := 0
	var write func()
	write = func() {
		n++
		hot.say(fmt.Sprint("k", n%40), fmt.Sprint(n))
		s.at(s.now.Add(time.Second/80), write)
	}
	write()
	s.run(30 * time.Second)
	for _, node := range s.nodes {
		if lag := hot.self.max - node.of(hot).max; lag > 160 {
			t.Errorf("node %d lags %d versions", node.index, lag)
		}
	}
	cold.say("cold", "1")
	took := s.until(5*time.Second, "the cold update is everywhere", func() bool { return s.has(cold, "cold", "1") })
	t.Logf("cold update after %v", took)
	if took > 2*time.Second {
		t.Errorf("cold update after %v", took)
	}
}

// What a dead member said last still goes round, for half of the grace.
func TestLastWordsOfTheDead(t *testing.T) {
	s := newSim(t, 6, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	victim, witness := s.nodes[5], s.nodes[1]
	s.cut = func(a, b *simNode) bool { // only the witness hears
		return a == victim && b != witness || a == witness && b != victim
	}
	victim.say("last", "word")
	s.run(1500 * time.Millisecond)
	if m := witness.of(victim); m.entries["last"] == nil {
		t.Fatal("the witness did not hear it")
	}
	victim.crash()
	s.run(30 * time.Second)
	s.cut = nil
	s.until(5*time.Minute, "the last word is everywhere", func() bool { return s.has(victim, "last", "word") })
	if s.nodes[2].state(victim) != Dead {
		t.Errorf("it is %s", s.nodes[2].state(victim))
	}
}

// What is handed out is a copy, and time is measured by a clock that nobody
// sets.
func TestCopiesAndClock(t *testing.T) {
	s, a, b := pair(t)
	snapshot := b.snapshot(b.of(a), s.now)
	delete(snapshot.Values, "colour")
	if b.of(a).entries["colour"] == nil {
		t.Error("a snapshot shares its map")
	}
	var d detector
	d.heard(time.Now())
	if !strings.Contains(d.last.String(), "m=") {
		t.Error("the detector dropped the monotonic clock")
	}
	before := len(a.digestNow())
	_ = append(a.digestNow()[:4], 1, 2, 3)
	if len(a.digestNow()) != before {
		t.Error("a digest is shared")
	}
}

func (n *simNode) digestNow() []byte {
	data, _ := n.digest(n.sim.now)
	return data
}

// A partition of a minute and of a day heals.
func TestPartitions(t *testing.T) {
	for _, span := range []time.Duration{time.Minute, 24 * time.Hour} {
		n := 6
		if span > time.Hour {
			n = 4
			if brief() {
				span = 4 * time.Hour
			}
		}
		s := newSim(t, n, 1, Options{})
		s.until(time.Minute, "together", s.together)
		half := n / 2
		s.cut = func(a, b *simNode) bool { return (a.index < half) != (b.index < half) }
		s.until(time.Minute, "the halves hold each other for dead", func() bool {
			return s.nodes[0].state(s.nodes[n-1]) == Dead && s.nodes[n-1].state(s.nodes[0]) == Dead
		})
		s.nodes[0].say("k", "left")
		s.nodes[n-1].say("k", "right")
		s.run(span)
		s.cut = nil
		took := s.until(10*time.Minute, "together", func() bool {
			return s.together() && s.has(s.nodes[0], "k", "left") && s.has(s.nodes[n-1], "k", "right")
		})
		t.Logf("after %v apart: together after %v", span, took)
	}
}

// Half of a mesh restarts at once: everybody lives again, and nobody is hidden
// by what is remembered of him.
func TestMassRestart(t *testing.T) {
	s := newSim(t, 12, 1, Options{})
	s.until(time.Minute, "together", s.together)
	for _, n := range s.nodes[6:] {
		n.crash()
	}
	s.run(time.Minute)
	for _, n := range s.nodes[6:] {
		n.store = 0
		n.boot(Options{})
		n.say("k", "again")
	}
	took := s.until(30*time.Second, "together", s.together)
	t.Logf("together after %v", took)
}

// A frozen process that wakes up takes nobody for dead.
func TestOwnPauseKillsNobody(t *testing.T) {
	s := newSim(t, 6, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	sleeper := s.nodes[3]
	s.told = func(n *simNode, e Event) {
		if n == sleeper && (e.Kind == KindDead || e.Kind == KindSuspect) {
			t.Errorf("the sleeper tells %s", e.Kind)
		}
	}
	for _, d := range []time.Duration{5 * time.Second, time.Minute, time.Hour} {
		sleeper.pause(d)
		s.run(d + 20*time.Second)
	}
	if !s.together() {
		t.Error("not together")
	}
}

// One way of a link is broken: the helpers keep both sides live.
func TestOneWayPartition(t *testing.T) {
	s := newSim(t, 5, 1, Options{})
	s.until(time.Minute, "together", s.together)
	a, b := s.nodes[1], s.nodes[2]
	s.cut = func(x, y *simNode) bool { return x == a && y == b }
	s.told = func(_ *simNode, e Event) {
		if e.Kind == KindDead {
			t.Errorf("told of %s", e.Kind)
		}
	}
	at := s.now
	s.run(5 * time.Minute)
	if m := b.of(a); m.state != Live || m.contact.After(at.Add(time.Second)) {
		t.Errorf("state %s, contact %v", m.state, m.contact)
	}
}

// A process that runs twice with one key is noticed and does not run wild.
func TestTwinProcesses(t *testing.T) {
	s := newSim(t, 4, 1, Options{})
	s.until(time.Minute, "together", s.together)
	twin := &simNode{sim: s, index: 2}
	s.nodes = append(s.nodes, twin)
	complaints := 0
	s.told = func(_ *simNode, e Event) {
		if e.Kind == KindError && strings.Contains(e.Err.Error(), "another process") {
			complaints++
		}
	}
	twin.store = s.nodes[2].store
	twin.boot(Options{})
	twin.say("k", "twin")
	turn := 0
	var alternate func()
	alternate = func() { // what is sent to the key reaches now one, now the other
		turn++
		s.byID[twin.self.id] = s.nodes[[]int{2, 4}[turn%2]]
		s.at(s.now.Add(300*time.Millisecond), alternate)
	}
	alternate()
	lives := map[uint64]bool{}
	for range 120 {
		s.run(time.Second)
		lives[s.nodes[0].of(twin).incarnation()] = true
	}
	if len(lives) < 2 || len(lives) > 30 || complaints == 0 {
		t.Errorf("%d lives in two minutes, %d complaints", len(lives), complaints)
	}
}

// Islands whose members forgot each other find together by their seeds.
func TestIslandsMeetBySeeds(t *testing.T) {
	o := Options{Grace: time.Minute}
	s := newSim(t, 6, 1, o)
	s.until(time.Minute, "together", s.together)
	s.cut = func(a, b *simNode) bool { return (a.index < 3) != (b.index < 3) }
	s.run(3 * time.Minute)
	if s.nodes[5].of(s.nodes[0]) != nil {
		t.Fatal("not forgotten")
	}
	s.cut = nil
	s.until(time.Minute, "together", s.together)
}

// A seed is never the node itself, and a node without others asks one.
func TestSeeds(t *testing.T) {
	s := newSim(t, 1, 1, Options{})
	s.run(10 * time.Second)
	if s.nodes[0].sent != 0 {
		t.Errorf("%d messages to itself", s.nodes[0].sent)
	}
	n := s.add(Options{})
	n.hook = func(to peer.ID, _ *message) bool {
		if to != s.nodes[0].self.id {
			t.Errorf("asks %s", to)
		}
		return true
	}
	s.until(5*time.Second, "together", s.together)
	if !slices.ContainsFunc(n.sorted(), func(m *member) bool { return m.id == s.nodes[0].self.id }) {
		t.Error("the seed is no member")
	}
}
