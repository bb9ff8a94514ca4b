package gossip

import (
	"crypto/ed25519"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// stranger is somebody who speaks to nodes as no node does.
type stranger struct {
	key ed25519.PrivateKey
	id  peer.ID
	who identity
}

func newStranger(i int) stranger {
	key := testKey(1_000_000 + i)
	id, err := ID(key.Public().(ed25519.PublicKey))
	if err != nil {
		panic(err)
	}
	who, err := identityOf(id)
	if err != nil {
		panic(err)
	}
	return stranger{key, id, who}
}

// bring hands a message to a node, as if from had sent it, and returns what
// the node told.
func (n *simNode) bring(from peer.ID, m *message) []Event {
	n.sim.t.Helper()
	data, err := wire.Marshal(m)
	if err != nil {
		n.sim.t.Fatal(err)
	}
	letter := letter{from: from}
	letter.m, letter.err = parseMessage(data)
	var told []Event
	if n.takes(n.sim.now, from) {
		letter.open(n.core, n.sim.now)
		told = slices.Clone(n.events)
	}
	n.ship()
	return told
}

// state is what an owner may sign: values by key, with versions 1, 2, ….
func (s stranger) state(t testing.TB, incarnation, seq uint64, keys ...string) delta {
	t.Helper()
	r := replica{}
	d := delta{Owner: s.who[:]}
	for i, key := range keys {
		e, err := signEntry(s.key, "test", entry{Incarnation: incarnation, Version: uint64(i + 1), Key: key, Value: []byte(key)})
		if err != nil {
			t.Fatal(err)
		}
		r.put(&e)
		d.Entries = append(d.Entries, e.Signed)
	}
	anchor := link{1} // of a chain that nobody knows
	h := head{Incarnation: incarnation, Seq: seq, Max: uint64(len(keys)), Root: root(r.entries), Anchor: anchor[:]}
	d.Head = s.sign(t, h)
	return d
}

func (s stranger) sign(t testing.TB, h head) *wire.Signed {
	t.Helper()
	signed, err := signHead(s.key, "test", h)
	if err != nil {
		t.Fatal(err)
	}
	return &signed.Signed
}

func push(deltas ...delta) *message { return &message{Kind: kindPush, Deltas: deltas} }

func struck(events []Event) bool {
	return slices.ContainsFunc(events, func(e Event) bool { return e.Kind == KindError })
}

// pair returns two nodes that know each other, of which the first said
// something.
func pair(t testing.TB) (s *sim, a, b *simNode) {
	t.Helper()
	s = newSim(t, 2, 1, Options{})
	a, b = s.nodes[0], s.nodes[1]
	a.say("colour", "red")
	s.run(10 * time.Second)
	a.say("size", "small")
	s.until(time.Minute, "together", func() bool { return s.together() && s.has(a, "size", "small") })
	return s, a, b
}

// copyOf returns the whole state that n holds of another, as it would send it.
func (n *simNode) copyOf(other *simNode) delta {
	deltas, _ := n.deltas([]gap{{n.of(other), 0, false}})
	return deltas[0]
}

// Nobody can say anything in another's name: a record that its owner has not
// signed is refused, and at the third the peer that brings them is not heard.
func TestForgedRecordsAreRefused(t *testing.T) {
	liar := newStranger(1)
	tests := map[string]func(d *delta){
		"a value changed":     func(d *delta) { d.Entries[0].Body[len(d.Entries[0].Body)-1] ^= 1 },
		"a signature changed": func(d *delta) { d.Entries[0].Sig[0] ^= 1 },
		"a head changed":      func(d *delta) { d.Head.Sig[5] ^= 1 },
		"signed by another": func(d *delta) {
			e, _ := signEntry(liar.key, "test", entry{Incarnation: 1 << 42, Version: 1 << 50, Key: "colour", Value: []byte("blue")})
			h, _ := signHead(liar.key, "test", head{Incarnation: 1 << 42, Seq: 1, Max: 1 << 50, Root: make([]byte, rootSize), Anchor: make([]byte, linkSize)})
			d.Head, d.Entries = &h.Signed, []wire.Signed{e.Signed}
		},
	}
	for name, forge := range tests {
		s, a, b := pair(t)
		d := cloneDelta(b.copyOf(a))
		forge(&d)
		later := cloneDelta(d)
		for range strikes {
			b.of(a).head.Seq, b.of(a).max = 1, 0 // so that the records are news
			if told := b.bring(liar.id, push(cloneDelta(later))); !struck(told) {
				t.Errorf("%s: nothing was told", name)
			}
		}
		if v := b.of(a).entries["colour"]; string(v.Value) != "red" {
			t.Errorf("%s: the value is %q", name, v.Value)
		}
		if b.takes(s.now, liar.id) {
			t.Errorf("%s: the liar is still heard", name)
		}
		s.run(blockTime)
		if !b.takes(s.now, liar.id) {
			t.Errorf("%s: the liar is never heard again", name)
		}
	}
}

func cloneDelta(d delta) delta {
	clone := func(s wire.Signed) wire.Signed {
		return wire.Signed{Body: slices.Clone(s.Body), Sig: slices.Clone(s.Sig)}
	}
	if d.Head != nil {
		head := clone(*d.Head)
		d.Head = &head
	}
	entries := make([]wire.Signed, len(d.Entries))
	for i, e := range d.Entries {
		entries[i] = clone(e)
	}
	d.Entries = entries
	return d
}

// A record of one mesh counts nothing in another.
func TestRecordsOfAnotherMeshAreRefused(t *testing.T) {
	_, a, b := pair(t)
	h := a.self.head.head
	h.Seq += 10
	signed, err := signHead(a.key, "other", h)
	if err != nil {
		t.Fatal(err)
	}
	if told := b.bring(a.self.id, push(delta{Owner: a.self.who[:], From: h.Max, Head: &signed.Signed})); !struck(told) || b.of(a).head.Seq == h.Seq {
		t.Errorf("taken; told %v", told)
	}
}

// What is sent again, late or out of order changes nothing.
func TestReplayedAndReordered(t *testing.T) {
	s, a, b := pair(t)
	old := cloneDelta(b.copyOf(a))
	beats := beatsOf([]*member{b.of(a)})
	a.say("colour", "green")
	s.run(5 * time.Second)
	replayer := newStranger(1)
	for range 3 {
		b.bring(replayer.id, &message{Kind: kindPush, Deltas: []delta{cloneDelta(old)}, Beats: beats})
	}
	if !s.has(a, "colour", "green") || len(b.of(a).entries) != 3-1 {
		t.Errorf("a replay brought back %v", b.of(a).entries)
	}
	a.crash()
	s.run(3 * time.Second)
	at := b.of(a).detector.last
	b.bring(replayer.id, &message{Kind: kindPush, Deltas: []delta{old}, Beats: beats})
	b.bring(replayer.id, &message{Kind: kindPush, Beats: beatsOf([]*member{b.of(a)})})
	if b.of(a).detector.last != at {
		t.Error("an old heartbeat counted as life")
	}
	// Out of order: what follows a gap waits for what is missing.
	o := newStranger(2)
	whole := o.state(t, 5, 1, "a", "b", "c")
	tail := delta{Owner: whole.Owner, From: 2, Head: whole.Head, Entries: whole.Entries[2:]}
	b.bring(replayer.id, push(tail))
	if m := b.members[o.id]; m != nil && m.max != 0 {
		t.Errorf("a tail was taken: max %d", m.max)
	}
	b.bring(replayer.id, push(whole))
	if m := b.members[o.id]; m == nil || m.max != 3 || !m.proven {
		t.Errorf("the whole was not taken: %+v", m)
	}
}

// A peer that leaves out a part of a state is found out by the signed root.
func TestWithheldRecordsAreFoundOut(t *testing.T) {
	_, _, b := pair(t)
	o, relay := newStranger(1), newStranger(2)
	whole := o.state(t, 5, 1, "a", "b", "c")
	for name, entries := range map[string][]wire.Signed{
		"middle": {whole.Entries[0], whole.Entries[2]},
		"first":  whole.Entries[1:],
	} {
		told := b.bring(relay.id, push(delta{Owner: whole.Owner, Head: whole.Head, Entries: entries}))
		if m := b.members[o.id]; !struck(told) || m != nil && m.max != 0 {
			t.Errorf("%s left out: told %v, member %+v", name, told, m)
		}
	}
	if b.counts.omissions != 2 {
		t.Errorf("%d omissions counted", b.counts.omissions)
	}
	// Of a state that came in parts the last part shows it: all is fetched anew,
	// from then on only whole or from the owner.
	honest := newStranger(3)
	b.bring(relay.id, push(delta{Owner: whole.Owner, Head: whole.Head, Entries: whole.Entries[1:2]}))
	if m := b.members[o.id]; m == nil || m.max != 2 {
		t.Fatalf("a first part was not taken: %+v", m)
	}
	if told := b.bring(honest.id, push(delta{Owner: whole.Owner, From: 2, Head: whole.Head, Entries: whole.Entries[2:]})); struck(told) {
		t.Errorf("the honest one is blamed: %v", told)
	}
	if m := b.members[o.id]; m.max != 0 || !m.doubted {
		t.Fatalf("the gap was not noticed: %+v", m)
	}
	b.bring(relay.id, push(delta{Owner: whole.Owner, Head: whole.Head, Entries: whole.Entries[1:2]}))
	if m := b.members[o.id]; m.max != 0 {
		t.Errorf("a part was taken again")
	}
	b.bring(honest.id, push(whole))
	if m := b.members[o.id]; m.max != 3 || !m.proven {
		t.Errorf("the whole was not taken: %+v", m)
	}
}

// Who signs two things as one is marked; what came first stays.
func TestEquivocationIsMarked(t *testing.T) {
	_, _, b := pair(t)
	o := newStranger(1)
	first, second := o.state(t, 5, 1, "a", "b"), o.state(t, 5, 1, "a", "c")
	b.bring(o.id, push(first))
	b.bring(o.id, push(second))
	m := b.members[o.id]
	if !m.equivocates || m.entries["b"] == nil || m.entries["c"] != nil || b.counts.equivocations == 0 {
		t.Errorf("equivocates %v, entries %v", m.equivocates, m.entries)
	}
	if s := b.snapshot(m, b.sim.now); !s.Equivocates {
		t.Error("the snapshot does not say so")
	}
	// A later head with one of the versions signed anew.
	o2 := newStranger(2)
	b.bring(o2.id, push(o2.state(t, 5, 1, "a", "b")))
	b.bring(o2.id, push(o2.state(t, 5, 2, "a", "c")))
	if m := b.members[o2.id]; !m.equivocates || m.entries["c"] != nil {
		t.Errorf("entries signed anew: equivocates %v, entries %v", m.equivocates, m.entries)
	}
}

// Heartbeats come from their owner alone.
func TestForgedHeartbeats(t *testing.T) {
	s, a, b := pair(t)
	a.crash()
	liar := newStranger(1)
	m := b.of(a)
	before := m.beat
	for _, forged := range []beat{
		{a.self.who.short(), before + 1, link{1, 2, 3}},
		{a.self.who.short(), before + 1, m.link},
		{a.self.who.short(), chainLength, link{}},
	} {
		told := b.bring(liar.id, &message{Kind: kindPush, Beats: appendBeat(nil, forged)})
		if !struck(told) {
			t.Errorf("%d: nothing told", forged.number)
		}
	}
	if m.beat != before {
		t.Errorf("the heartbeat went from %d to %d", before, m.beat)
	}
	s.run(30 * time.Second)
	if m.state != Dead {
		t.Errorf("a dead node is %s by forged heartbeats", m.state)
	}
}

// A helper that claims to have reached a dead node keeps nobody alive.
func TestLyingHelper(t *testing.T) {
	s := newSim(t, 4, 1, Options{})
	s.until(time.Minute, "together", s.together)
	s.run(20 * time.Second)
	dead, watcher := s.nodes[3], s.nodes[1]
	for _, n := range s.nodes[:3] {
		n.hook = func(to peer.ID, m *message) bool {
			if n != watcher && m.Kind == kindPush || m.Kind == kindAck {
				return true
			}
			if n != watcher && len(n.helping) > 0 {
				s.carry(n, outgoing{watcher.self.id, &message{Kind: kindProbed, Beats: beatsOf([]*member{n.of(dead)})}})
			}
			return true
		}
	}
	dead.crash()
	if times := s.known(dead, time.Minute); len(times) != 3 {
		t.Errorf("%d of 3 hold it for dead", len(times))
	}
}

// A digest of 100,000 invented peers makes nobody known; nor do their records,
// beyond what one peer may introduce.
func TestInventedPeers(t *testing.T) {
	s, _, b := pair(t)
	liar := newStranger(1)
	var digest []byte
	for i := range 100_000 {
		digest = appendSummary(digest, summary{who: short{byte(i), byte(i >> 8), byte(i >> 16), 1}, incarnation: 1, max: 1 << 60, seq: 9, beat: 9})
	}
	m := &message{Kind: kindSyn, Digest: digest}
	if data, _ := wire.Marshal(m); len(data) <= MaxMessage {
		t.Errorf("%d bytes pass", len(data))
	}
	for i := range 100_000 / maxDigest {
		s.run(100 * time.Millisecond)
		part := digest[:0:0]
		for j := range maxDigest {
			n := i*maxDigest + j
			part = appendSummary(part, summary{who: short{byte(n), byte(n >> 8), byte(n >> 16), 1}, incarnation: 1, max: 1 << 60, seq: 9, beat: 9})
		}
		b.bring(liar.id, &message{Kind: kindSyn, Digest: part})
	}
	if len(b.members) != 2 || len(b.shorts) != 2 {
		t.Errorf("%d members", len(b.members))
	}
	introduced := 0
	for i := range 400 {
		s.run(100 * time.Millisecond)
		for _, e := range b.bring(liar.id, push(newStranger(10+i).state(t, 5, 1, "a"))) {
			if e.Kind == KindNew {
				introduced++
			}
		}
	}
	if introduced > maxNewPerHour+4 { // some come back in a minute
		t.Errorf("one peer introduced %d in a minute, at most %d an hour may be", introduced, maxNewPerHour)
	}
	if len(b.members) > b.opt.Neighbourhood+1 || b.of(s.nodes[0]) == nil {
		t.Errorf("%d members, the honest one among them: %v", len(b.members), b.of(s.nodes[0]) != nil)
	}
	s.run(2 * unknownTime)
	for _, m := range b.members {
		if m.state.Alive() && m.id != b.self.id && m.id != s.nodes[0].self.id {
			t.Error("an invented member lives")
		}
	}
	var many []delta
	for i := range 200 {
		many = append(many, newStranger(1000+i).state(t, 5, 1))
	}
	c := newSim(t, 1, 1, Options{}).nodes[0]
	c.bring(liar.id, push(many...))
	if got := len(c.members) - 1; got != maxNew {
		t.Errorf("one message introduced %d, want %d", got, maxNew)
	}
}

// Values and keys beyond their bounds are not taken, nor are more of them than
// a member may have.
func TestOversized(t *testing.T) {
	_, a, b := pair(t)
	o := newStranger(1)
	long := func(n int) string { return string(slices.Repeat([]byte{'k'}, n)) }
	for name, e := range map[string]entry{
		"key":   {Incarnation: 5, Version: 1, Key: long(MaxKey + 1)},
		"empty": {Incarnation: 5, Version: 1},
		"utf-8": {Incarnation: 5, Version: 1, Key: "\xff"},
		"value": {Incarnation: 5, Version: 1, Key: "k", Value: make([]byte, MaxValue+1)},
	} {
		s, err := signEntry(o.key, "test", e)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := parseEntry(s.Signed); err == nil {
			t.Errorf("%s: taken", name)
		}
		if _, err := a.set(a.sim.now, e.Key, e.Value, 0); err == nil {
			t.Errorf("%s: may be said", name)
		}
	}
	var keys []string
	for i := range maxKeys + 1 {
		keys = append(keys, fmt.Sprint("key", i))
	}
	b.bring(o.id, push(o.state(t, 5, 1, keys...)))
	if m := b.members[o.id]; m != nil && len(m.entries) > 0 {
		t.Errorf("%d keys were taken", len(m.entries))
	}
	var err error
	for i := range maxKeys + 1 {
		_, err = a.set(a.sim.now, fmt.Sprint(i), nil, 0)
	}
	if !errors.Is(err, wire.ErrFull) {
		t.Errorf("the last of too many own keys: %v", err)
	}
	for i := range 20 {
		_, err = b.set(a.sim.now, fmt.Sprint(i), make([]byte, MaxValue), 0)
	}
	if !errors.Is(err, wire.ErrFull) || b.self.weight > maxState {
		t.Errorf("too many own bytes: %v", err)
	}
}

// What is no message costs its sender its voice, and nothing else.
func TestMalformed(t *testing.T) {
	marshal := func(v any) []byte {
		data, err := wire.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	who := make([]byte, 32)
	o := newStranger(9).who
	nobody := o[:]
	for name, data := range map[string][]byte{
		"nothing":             {},
		"no map":              marshal([]int{1}),
		"empty map":           marshal(map[int]any{}),
		"deltas a number":     marshal(map[int]any{1: 1, 7: 1}),
		"a delta of null":     marshal(map[int]any{1: 1, 7: []any{nil}}),
		"delta no map":        marshal(map[int]any{1: 1, 7: []any{[]int{1}}}),
		"delta of nobody":     marshal(map[int]any{1: 4, 7: []any{map[int]any{2: 1}}}),
		"short owner":         marshal(map[int]any{1: 4, 7: []any{map[int]any{1: []byte{1}}}}),
		"text as version":     marshal(map[int]any{1: 4, 7: []any{map[int]any{1: who, 2: "9e99"}}}),
		"number with point":   marshal(map[int]any{1: 4, 7: []any{map[int]any{1: who, 2: 9e99}}}),
		"negative version":    marshal(map[int]any{1: 4, 7: []any{map[int]any{1: who, 2: -1}}}),
		"short hash":          marshal(map[int]any{1: 1, 2: []byte{1}}),
		"large kind":          marshal(map[int]any{1: 256}),
		"long target":         marshal(map[int]any{1: 7, 9: make([]byte, 33)}),
		"too long":            marshal(map[int]any{1: 1, 99: make([]byte, MaxMessage)}),
		"digest cut":          marshal(map[int]any{1: 1, 5: make([]byte, 9)}),
		"too long a digest":   marshal(map[int]any{1: 1, 5: make([]byte, minSummary*(maxDigest+1))}),
		"digest number":       marshal(map[int]any{1: 1, 5: slices.Repeat([]byte{0xff}, 40)}),
		"heartbeat cut":       marshal(map[int]any{1: 4, 8: make([]byte, 20)}),
		"too many heartbeats": marshal(map[int]any{1: 4, 8: make([]byte, 25*(maxBeats+1))}),
		"bad entry":           marshal(push(delta{Owner: nobody, Head: newStranger(9).state(t, 1, 1).Head, Entries: []wire.Signed{{Body: []byte{0xa0}, Sig: make([]byte, 64)}}})),
		"bad head":            marshal(push(delta{Owner: nobody, Head: &wire.Signed{Body: []byte{0xa0}, Sig: make([]byte, 64)}})),
		"signature cut":       marshal(push(delta{Owner: nobody, Head: &wire.Signed{Body: []byte{0xa0}, Sig: make([]byte, 63)}})),
	} {
		c := newSim(t, 1, 1, Options{}).nodes[0]
		from := newStranger(1).id
		l := letter{from: from}
		l.m, l.err = parseMessage(data)
		l.open(c.core, c.sim.now)
		if c.remote(c.sim.now, from).strikes != 1 || len(c.members) != 1 {
			t.Errorf("%s: %d strikes, %d members", name, c.remote(c.sim.now, from).strikes, len(c.members))
		}
	}
}

// A clock that is a day or a year ahead hurts nobody, not even its owner: an
// incarnation is a number, and its owner can outdo it.
func TestClockAhead(t *testing.T) {
	for _, ahead := range []time.Duration{24 * time.Hour, 365 * 24 * time.Hour} {
		s := newSim(t, 3, 1, Options{})
		n := s.nodes[2]
		n.store = uint64(s.now.Add(ahead).UnixMilli())
		n.boot(Options{})
		s.until(time.Minute, "together", s.together)
		n.say("k", "1")
		s.run(10 * time.Second)
		n.crash()
		n.store = 0 // a new disk, and the right time
		s.run(time.Minute)
		n.boot(Options{})
		n.say("k", "2")
		if took := s.until(5*time.Second, "heard again", func() bool { return s.has(n, "k", "2") }); took > 5*time.Second {
			t.Errorf("heard after %v", took)
		}
	}
}

// An incarnation at its bound cannot be outdone, and is refused.
func TestIncarnationHasABound(t *testing.T) {
	_, _, b := pair(t)
	o := newStranger(1)
	b.bring(o.id, push(o.state(t, maxIncarnation+1, 1)))
	if b.members[o.id] != nil {
		t.Error("taken")
	}
}

// With a hostile peer at work for an hour, memory stays within its bounds.
func TestHostileHour(t *testing.T) {
	span := time.Hour
	if brief() {
		span = 5 * time.Minute
	}
	s, _, b := pair(t)
	b.important = func(p peer.ID) bool { return p == s.nodes[0].self.id }
	liar := newStranger(0)
	made := 0
	for end := s.now.Add(span); s.now.Before(end); {
		s.run(time.Second)
		for range 10 {
			made++
			o := newStranger(1 + made%2000)
			d := o.state(t, uint64(made), 1, "a", "b")
			switch made % 3 {
			case 0:
				b.bring(liar.id, push(d))
			case 1:
				b.bring(o.id, push(d))
			case 2:
				b.bring(o.id, &message{Kind: kindAsk, Target: liar.who[:]})
			}
		}
	}
	if len(b.members) > b.opt.Neighbourhood*5/4+2 || len(b.remotes) > maxMembers || len(b.helping) > maxMembers || b.gone.Len() > maxMembers {
		t.Errorf("%d members, %d remotes, %d helps, %d gone", len(b.members), len(b.remotes), len(b.helping), b.gone.Len())
	}
	if len(b.fresh) > len(b.members) || len(b.dirty) > len(b.members) {
		t.Errorf("%d fresh, %d dirty", len(b.fresh), len(b.dirty))
	}
	if s.nodes[1].state(s.nodes[0]) != Live {
		t.Error("the honest one was lost")
	}
}
