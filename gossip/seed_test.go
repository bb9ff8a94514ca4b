package gossip

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"pgregory.net/rapid"
)

// What gossipmonger's own tests demand, in the form that it has here. Where it
// put a bare value on the wire there is a signed record; where it waited for
// direct contact there are heartbeats.

// alone returns a node that never acts by itself, and strangers it knows, each
// of which says keys a, b, … up to its number of keys.
func alone(t testing.TB, o Options, keys ...int) (n *simNode, others []stranger) {
	s := newSim(t, 1, 1, o)
	n = s.nodes[0]
	for i, count := range keys {
		o := newStranger(100 + i)
		var names []string
		for k := range count {
			names = append(names, string(rune('a'+k)))
		}
		n.bring(o.id, push(o.state(t, 5, 1, names...)))
		n.met(s.now, o.id)
		others = append(others, o)
	}
	n.seal(s.now)
	n.out, n.events = nil, nil
	return n, others
}

func (n *simNode) parsedDigest() []summary {
	data, _ := n.digest(n.sim.now)
	all, err := parseDigest(data)
	if err != nil {
		n.sim.t.Fatal(err)
	}
	return all
}

func TestDigest(t *testing.T) {
	n, _ := alone(t, Options{})
	if d := n.parsedDigest(); len(d) != 1 || d[0].who != n.self.who.short() {
		t.Errorf("alone: %v, want only itself", d)
	}
	n, others := alone(t, Options{}, 2)
	d := n.parsedDigest()
	if len(d) != 2 || d[0].who != n.self.who.short() {
		t.Errorf("with another: %v, want itself first", d)
	}
	if want := (summary{others[0].who.short(), 5, 0, 2, 1, 0}); d[1] != want {
		t.Errorf("of the other: %+v, want %+v", d[1], want)
	}
}

func TestPartners(t *testing.T) {
	dead := func(n *simNode, o stranger) { n.become(n.sim.now, n.members[o.id], Dead) }
	t.Run("the living", func(t *testing.T) {
		n, others := alone(t, Options{Fanout: 2}, 1, 1, 1)
		if got := n.partners(n.sim.now); len(got) != 2 || got[0] == got[1] {
			t.Errorf("%d partners of %d", len(got), len(others))
		}
	})
	t.Run("the dead when nobody lives", func(t *testing.T) {
		n, others := alone(t, Options{}, 1)
		dead(n, others[0])
		if got := n.partners(n.sim.now); !slices.Equal(got, []peer.ID{others[0].id}) {
			t.Errorf("%v", got)
		}
	})
	t.Run("the dead ever more seldom", func(t *testing.T) {
		n, others := alone(t, Options{}, 1)
		dead(n, others[0])
		calls := 0
		for i := range 3600 {
			calls += len(n.partners(n.sim.now.Add(time.Duration(i) * time.Second)))
		}
		if calls < 10 || calls > 30 {
			t.Errorf("%d calls in an hour", calls)
		}
	})
	t.Run("a seed when few live, never itself", func(t *testing.T) {
		n, _ := alone(t, Options{})
		seed := newStranger(1)
		n.seeds = func() []peer.ID { return []peer.ID{n.self.id, seed.id} }
		if got := n.partners(n.sim.now); !slices.Equal(got, []peer.ID{seed.id}) {
			t.Errorf("%v", got)
		}
		n.seeds = func() []peer.ID { return []peer.ID{n.self.id} }
		if got := n.partners(n.sim.now); len(got) != 0 {
			t.Errorf("itself: %v", got)
		}
	})
	t.Run("no seed when none need be", func(t *testing.T) {
		n, _ := alone(t, Options{MinLive: -1}, 1)
		n.seeds = func() []peer.ID { return nil }
		if got := n.partners(n.sim.now); len(got) != 1 {
			t.Errorf("%v", got)
		}
	})
}

// Phi above the threshold and no answer make a member dead, and what is stored
// says so; phi below leaves it.
func TestVerdicts(t *testing.T) {
	n, others := alone(t, Options{}, 1, 1)
	quiet, loud := n.members[others[0].id], n.members[others[1].id]
	for range 20 {
		n.sim.now = n.sim.now.Add(time.Second)
		quiet.detector.heard(n.sim.now)
		loud.detector.heard(n.sim.now)
	}
	clear(n.dirty)
	for range 60 {
		n.sim.now = n.sim.now.Add(time.Second / 4)
		loud.detector.sign(n.sim.now)
		n.check(n.sim.now)
	}
	if quiet.state != Dead || loud.state != Live {
		t.Errorf("%s and %s", quiet.state, loud.state)
	}
	if quiet.detector.enough() {
		t.Error("its intervals outlive it")
	}
	if _, stored := n.dirty[quiet]; !stored || len(n.dirty) != 1 || quiet.saved().Live {
		t.Errorf("%d to store, live %v", len(n.dirty), quiet.saved().Live)
	}
	n.met(n.sim.now, quiet.id)
	if quiet.state != Live || !quiet.saved().Live {
		t.Errorf("after contact %s", quiet.state)
	}
}

// The sender of a message is known, noted as heard, and stored; one that is not
// known becomes a member by its own record.
func TestSenderIsNoted(t *testing.T) {
	n, others := alone(t, Options{}, 1)
	m := n.members[others[0].id]
	n.sim.now = n.sim.now.Add(time.Hour)
	n.bring(others[0].id, &message{Kind: kindPush})
	if m.contact != n.sim.now {
		t.Error("not noted")
	}
	o := newStranger(1)
	told := n.bring(o.id, push(o.state(t, 5, 1, "a")))
	if m := n.members[o.id]; m == nil || !slices.ContainsFunc(told, func(e Event) bool { return e.Kind == KindNew && e.Peer == o.id }) {
		t.Errorf("told %v", told)
	}
}

// A delta about somebody unknown, without his head, is told and the rest goes
// on.
func TestUnknownSubject(t *testing.T) {
	n, others := alone(t, Options{}, 0)
	o, known := newStranger(1), others[0]
	d := o.state(t, 5, 1, "a")
	d.Head = nil
	told := n.bring(o.id, push(d, known.state(t, 5, 2, "a")))
	kinds := []Kind{}
	for _, e := range told {
		kinds = append(kinds, e.Kind)
	}
	if !slices.Equal(kinds, []Kind{KindUnknownPeer, KindUpdate}) {
		t.Errorf("told %v", kinds)
	}
	if e := told[1]; e.Peer != known.id || e.Key != "a" || string(e.Value) != "a" || e.Version != 1 {
		t.Errorf("update is %+v", e)
	}
}

// answerTo returns what a node answers to a digest, nil if nothing.
func (n *simNode) answerTo(partial bool, all ...summary) *message {
	n.out = nil
	n.answer(n.sim.now, "asker", &message{Kind: kindSyn, Digest: digestOfWants(all), Partial: partial})
	if len(n.out) == 0 {
		return nil
	}
	return n.out[0].m
}

func TestAnswerToDigest(t *testing.T) {
	n, others := alone(t, Options{}, 3, 5)
	self, a, b := n.self.summary(), n.members[others[0].id].summary(), n.members[others[1].id].summary()
	t.Run("nothing newer", func(t *testing.T) {
		if m := n.answerTo(true, self, a, b); len(m.Deltas) != 0 {
			t.Errorf("%d deltas", len(m.Deltas))
		}
	})
	t.Run("unknown ids are asked for from the beginning, and are no members", func(t *testing.T) {
		x := newStranger(1)
		m := n.answerTo(true, summary{x.who.short(), 9, 0, 99, 9, 9})
		wants, err := parseDigest(m.Digest)
		if err != nil || len(wants) != 1 || wants[0] != (summary{who: x.who.short()}) {
			t.Errorf("wants %v, %v", wants, err)
		}
		if n.members[x.id] != nil {
			t.Error("it is a member")
		}
	})
	t.Run("own id is never made a member", func(t *testing.T) {
		n.answerTo(true, summary{self.who, 1 << 50, 0, 99, 9, 9})
		if len(n.members) != 3 {
			t.Errorf("%d members", len(n.members))
		}
	})
	t.Run("what is after the claimed version, in order", func(t *testing.T) {
		behind := b
		behind.max = 2
		m := n.answerTo(true, self, a, behind)
		if len(m.Deltas) != 1 || m.Deltas[0].From != 2 || len(m.Deltas[0].Entries) != 3 {
			t.Fatalf("%+v", m.Deltas)
		}
		for i, s := range m.Deltas[0].Entries {
			if e, err := parseEntry(s); err != nil || e.Version != uint64(3+i) {
				t.Errorf("entry %d is %+v, %v", i, e, err)
			}
		}
	})
	t.Run("the own state too", func(t *testing.T) {
		n.say("k", "v")
		n.seal(n.sim.now)
		m := n.answerTo(true, self)
		if len(m.Deltas) != 1 || string(m.Deltas[0].Owner) != string(n.self.who[:]) {
			t.Errorf("%+v", m.Deltas)
		}
	})
}

// In a message with room for few records the oldest go, in order; who has most
// to tell goes first, and the others are not forgotten.
func TestRoomForFew(t *testing.T) {
	n, others := alone(t, Options{MaxDeltas: 5}, 3, 8)
	a, b := n.members[others[0].id], n.members[others[1].id]
	deltas, _ := n.deltas([]gap{{a, 0, false}, {b, 0, false}})
	got := map[string]int{}
	for _, d := range deltas {
		got[string(d.Owner)] = len(d.Entries)
		for i, s := range d.Entries {
			if e, err := parseEntry(s); err != nil || e.Version != uint64(i+1) {
				t.Errorf("entry %d has version %d, %v", i, e.Version, err)
			}
		}
	}
	if total := got[string(a.who[:])] + got[string(b.who[:])]; total != 5 {
		t.Errorf("%d records, want 5", total)
	}
	if got[string(b.who[:])] <= got[string(a.who[:])] || got[string(a.who[:])] == 0 {
		t.Errorf("the one with 3 sends %d, the one with 8 %d", got[string(a.who[:])], got[string(b.who[:])])
	}
	deltas, _ = n.deltas([]gap{{a, 2, false}, {b, 6, false}})
	if total := len(deltas[0].Entries) + len(deltas[1].Entries); total != 3 {
		t.Errorf("what is left of the budget does not go to the next: %d records, want 3", total)
	}
}

func TestAfter(t *testing.T) {
	n, others := alone(t, Options{}, 3)
	m := n.members[others[0].id]
	for version, want := range map[uint64]int{0: 3, 1: 2, 2: 1, 3: 0, 9: 0} {
		if got := m.after(version); len(got) != want {
			t.Errorf("%d entries after %d, want %d", len(got), version, want)
		}
	}
}

func TestSetBumpsVersions(t *testing.T) {
	n, _ := alone(t, Options{})
	first, err := n.set(n.sim.now, "k", []byte("v"), 0)
	if err != nil || first != 1 {
		t.Errorf("version %d, %v", first, err)
	}
	if second, _ := n.set(n.sim.now, "l", nil, 0); second != 2 || n.self.max != 2 {
		t.Errorf("version %d, max %d", second, n.self.max)
	}
	n.unset(n.sim.now, "k")
	n.unset(n.sim.now, "k")
	n.unset(n.sim.now, "m")
	if n.self.max != 3 {
		t.Errorf("max %d after one deletion", n.self.max)
	}
}

func TestDetector(t *testing.T) {
	at := time.Unix(1_800_000_000, 0)
	o := Options{}.withDefaults()
	d := newDetector(4, time.Second)
	if d.phi(at, &o) != 0 || d.enough() {
		t.Error("a verdict without samples")
	}
	for _, after := range []time.Duration{0, time.Second, 3 * time.Second} {
		d.heard(at.Add(after))
	}
	if d.enough() {
		t.Error("two samples are enough")
	}
	for i := range 5 { // the window drops 1 s and 2 s
		d.heard(at.Add(time.Duration(4+i) * time.Second))
	}
	if len(d.intervals) != 4 || d.mean() != 1 || d.deviation() != 0 {
		t.Errorf("%v: mean %v, deviation %v", d.intervals, d.mean(), d.deviation())
	}
	d.heard(at.Add(time.Hour))
	if len(d.intervals) != 4 || d.mean() != 1 {
		t.Error("an outage is a sample")
	}
	o.Phi = Exponential
	if got, want := d.phi(at.Add(time.Hour+18420*time.Millisecond), &o), 8.0; math.Abs(got-want) > 0.01 {
		t.Errorf("phi %v, want %v: 18.42 means", got, want)
	}
}

// The normal tail, against values from its table, and far out, where it must go
// on without a jump.
func TestNormalPhi(t *testing.T) {
	for y, want := range map[float64]float64{0: 0.30103, 1: 0.79955, 3: 2.86970, 5.6120: 8} {
		if got := normalPhi(10+2*y, 10, 2); math.Abs(got-want) > 0.001 {
			t.Errorf("phi at %v deviations is %v, want %v", y, got, want)
		}
	}
	last := 0.0
	for y := -3.0; y < 60; y += 0.01 {
		phi := normalPhi(y, 0, 1)
		if phi < last || math.IsNaN(phi) || math.IsInf(phi, 0) || phi-last > 0.6 {
			t.Fatalf("phi goes from %v to %v at %v deviations", last, phi, y)
		}
		last = phi
	}
	if last != maxPhi {
		t.Errorf("phi ends at %v", last)
	}
}

// The rules for a delta that begins after from and ends at top, at the bounds.
func TestJudge(t *testing.T) {
	tests := []struct {
		name            string
		heldGC, heldMax uint64
		from, gc, top   uint64
		want            verdict
	}{
		{"first contact", 0, 0, 0, 0, 5, apply},
		{"first contact, deletions forgotten", 0, 0, 0, 3, 5, renew},
		{"next", 0, 5, 5, 0, 6, apply},
		{"overlap", 0, 5, 3, 0, 6, apply},
		{"gap", 0, 5, 6, 0, 7, reject},
		{"nothing new", 0, 5, 3, 0, 5, reject},
		{"older", 0, 5, 0, 0, 4, reject},
		{"gc up to what is held", 0, 5, 5, 5, 6, apply},
		{"gc one beyond what is held", 0, 5, 5, 6, 7, reject},
		{"gc one beyond, from the beginning", 0, 5, 0, 6, 7, renew},
		{"gc at max, from the beginning", 0, 5, 0, 5, 7, apply},
		{"a reset that goes on", 6, 2, 2, 6, 4, apply},
		{"a reset that goes on from the beginning", 6, 2, 0, 6, 4, apply},
		{"a reset that is cut short", 0, 5, 0, 9, 3, renew},
		{"later gc while a reset goes on", 6, 2, 2, 8, 4, reject},
		{"later gc while a reset goes on, from the beginning", 6, 2, 0, 8, 4, renew},
		{"gc behind", 4, 5, 5, 2, 6, apply},
	}
	for _, test := range tests {
		if got := judge(test.heldGC, test.heldMax, test.from, test.gc, test.top); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

// However messages are lost, doubled and reordered, replicas hold a prefix of
// what their owner said, (incarnation, gc, max) never goes back, and all agree
// at the end.
func TestReplicasConverge(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		s := newSim(t, rapid.IntRange(2, 5).Draw(rt, "nodes"), rapid.Uint64().Draw(rt, "seed"), Options{
			TombstoneGrace: 3 * time.Second, MaxDeltas: rapid.IntRange(2, 8).Draw(rt, "records"),
		})
		s.loss = 0.3
		highest := map[[2]int][3]uint64{}
		for range rapid.IntRange(5, 40).Draw(rt, "steps") {
			node := s.nodes[rapid.IntRange(0, len(s.nodes)-1).Draw(rt, "node")]
			key := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, "key")
			switch rapid.IntRange(0, 9).Draw(rt, "step") {
			case 0:
				node.crash()
				node.boot(node.opt)
			case 1, 2:
				node.unset(s.now, key)
				node.ship()
			case 3, 4, 5:
				node.say(key, rapid.StringN(0, 4, 8).Draw(rt, "value"))
			}
			s.run(time.Duration(rapid.IntRange(1, 3000).Draw(rt, "ms")) * time.Millisecond)
			s.invariant(rt, highest)
		}
		s.loss = 0
		s.run(20 * time.Second)
		for _, owner := range s.nodes {
			for _, n := range s.nodes {
				if n == owner {
					continue
				}
				m := n.of(owner)
				if m == nil || m.state != Live || !m.proven || m.max != owner.self.max {
					rt.Fatalf("node %d holds of %d: %+v", n.index, owner.index, m)
				}
			}
		}
	})
}

// invariant holds what every node knows of every other against that one.
func (s *sim) invariant(rt *rapid.T, highest map[[2]int][3]uint64) {
	for _, owner := range s.nodes {
		for _, n := range s.nodes {
			m := n.of(owner)
			if n == owner || m == nil {
				continue
			}
			at, was := [3]uint64{m.incarnation(), m.gc, m.max}, highest[[2]int{n.index, owner.index}]
			if slices.Compare(at[:], was[:]) < 0 && !m.doubted && n.self.incarnation() == was[0] {
				rt.Fatalf("node %d went from %v to %v of %d", n.index, was, at, owner.index)
			}
			highest[[2]int{n.index, owner.index}] = at
			if m.incarnation() != owner.self.incarnation() {
				continue
			}
			for key, e := range owner.self.entries {
				if held := m.entries[key]; e.Version <= m.max && (held == nil || held.Version != e.Version) && !(e.Deleted && e.Version <= m.gc) {
					rt.Fatalf("node %d is at %d of %d and lacks %q of version %d", n.index, m.max, owner.index, key, e.Version)
				}
			}
		}
	}
}

// When peers fall behind for three rounds, half as many own changes are
// admitted; while they follow, one more in each round.
func TestBacklogHalvesTheRate(t *testing.T) {
	n, _ := alone(t, Options{SetRate: 100}, 1)
	lag := func(behind uint64) {
		digest := n.self.summary()
		digest.max -= min(behind, digest.max)
		n.compare([]summary{digest}, true, n.sim.now)
		n.advance(n.sim.now)
	}
	n.self.max = 10_000
	for i := range uint64(5) {
		lag(10 * i % 40) // what is under way is no backlog
	}
	if n.own.backlog.rate != 105 {
		t.Errorf("rate %v after five good rounds", n.own.backlog.rate)
	}
	for i := range uint64(3) {
		lag(1000 * (i + 1))
	}
	if want := (105.0 + 2) / 2; n.own.backlog.rate != want || float64(n.own.admit.Limit()) != want {
		t.Errorf("rate %v after three bad rounds, want %v", n.own.backlog.rate, want)
	}
}
