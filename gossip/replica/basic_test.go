package replica_test

import (
	"bytes"
	"errors"
	"slices"
	"testing"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
)

func TestUpdateIsInHistory(t *testing.T) {
	m, r := newMap(t, 1)
	must(t, m.Set("key", []byte("value")))
	history := r.History(nil)
	if len(history) != 1 || history[0].Source != r.Source() || history[0].Seq != 1 {
		t.Fatalf("history is %+v", history)
	}
	if got := r.History(r.Clock()); len(got) != 0 {
		t.Errorf("what the clock covers is in the history: %+v", got)
	}
	must(t, m.Set("other", nil))
	if got := r.History(replica.Clock{r.Source(): 1}); len(got) != 1 || got[0].Seq != 2 {
		t.Errorf("history since 1 is %+v", got)
	}
	if got := r.History(replica.Clock{}); len(got) != 2 {
		t.Errorf("an empty clock covers something: %+v", got)
	}
}

// An update that is known already changes nothing, and is counted.
func TestOldUpdatesAreStale(t *testing.T) {
	seen := trace{}
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2, seen.into)
	must(t, a.Set("key", []byte("old")))
	replicatest.MustSync(t, ra, rb)
	must(t, a.Set("key", []byte("new")))
	replicatest.MustSync(t, ra, rb)
	if len(seen[replica.Stale]) != 0 {
		t.Fatalf("nothing was sent twice, yet: %+v", seen)
	}
	// A side that hides its clock is sent everything.
	errB, errA := replicatest.Sync(t.Context(), rb, ra, replica.StreamOptions{Direction: replica.RecvOnly, HideClock: true}, replica.StreamOptions{})
	must(t, errors.Join(errA, errB))
	if len(seen[replica.Stale]) != 1 || len(seen[replica.Applied]) != 2 || len(seen[replica.Superseded]) != 1 {
		t.Errorf("events: %+v", seen)
	}
	wantMap(t, "b", b, map[string]string{"key": "new"})
	sameHistory(t, ra, rb)
}

func TestTriangleConverges(t *testing.T) {
	var models []*replica.Map
	var replicas []*replica.Replica
	for n := range byte(3) {
		m, r := newMap(t, n+1)
		models, replicas = append(models, m), append(replicas, r)
	}
	var streams []tail
	for i := range replicas {
		streams = append(streams, tails(t, replicas[i], replicas[(i+1)%3], replica.StreamOptions{}, replica.StreamOptions{}))
	}
	for i, m := range models {
		must(t, m.Set(string(rune('a'+i)), []byte{byte('0' + i)}))
	}
	for _, m := range models {
		until(t, m.Watch(t.Context()), func() bool { return m.Len() == 3 })
	}
	for _, stream := range streams {
		stream.end()
	}
	for i, m := range models {
		wantMap(t, string(rune('a'+i)), m, map[string]string{"a": "0", "b": "1", "c": "2"})
		sameHistory(t, replicas[0], replicas[i])
	}
}

// At the moment of OnSynced each side has what the other had.
func TestSyncedMeansEqual(t *testing.T) {
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2)
	must(t, a.Set("a", []byte("1")))
	must(t, b.Set("b", []byte("2")))
	stream := tails(t, ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
	want := map[string]string{"a": "1", "b": "2"}
	wantMap(t, "a", a, want)
	wantMap(t, "b", b, want)
	sameHistory(t, ra, rb)
	stream.end()
}

func TestSavedStateIsTheSame(t *testing.T) {
	a, ra := newMap(t, 1)
	seen := trace{}
	b, rb := newMap(t, 2, seen.into)
	for _, key := range []string{"a", "b", "c"} {
		must(t, a.Set(key, []byte(key)))
	}
	var file bytes.Buffer
	must(t, ra.Save(&file))
	must(t, rb.Load(t.Context(), &file))
	if len(seen[replica.Applied]) != 3 {
		t.Errorf("%d updates were applied, want 3", len(seen[replica.Applied]))
	}
	wantMap(t, "b", b, map[string]string{"a": "a", "b": "b", "c": "c"})
	sameHistory(t, ra, rb)
}

// Closing ends every stream; the other side sees a good end.
func TestCloseEndsStreams(t *testing.T) {
	_, ra := newMap(t, 1)
	_, rb := newMap(t, 2)
	stream := tails(t, ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
	if c := ra.Counts(); c.Streams != 1 {
		t.Errorf("%d streams, want 1", c.Streams)
	}
	must(t, ra.Close())
	errA, errB := stream.wait()
	if !errors.Is(errA, replica.ErrClosed) || errB != nil {
		t.Errorf("a says %v, want ErrClosed; b says %v, want nil", errA, errB)
	}
	if ca, cb := ra.Counts(), rb.Counts(); ca.Streams != 0 || cb.Streams != 0 {
		t.Errorf("streams are left: %d, %d", ca.Streams, cb.Streams)
	}
	if err := ra.Local([]byte{0xa0}); !errors.Is(err, replica.ErrClosed) {
		t.Errorf("a change after Close: %v", err)
	}
	if err := ra.Replicate(t.Context(), nil, replica.StreamOptions{}); !errors.Is(err, replica.ErrClosed) {
		t.Errorf("a stream after Close: %v", err)
	}
}

func TestHeadersArrive(t *testing.T) {
	a, ra := newMap(t, 1)
	_, rb := newMap(t, 2)
	must(t, a.Set("key", nil))
	var atA, atB []replica.Header
	errA, errB := replicatest.Sync(t.Context(), ra, rb,
		replica.StreamOptions{Meta: []byte("from a"), OnHeader: func(h replica.Header) { atA = append(atA, h) }},
		replica.StreamOptions{Direction: replica.RecvOnly, OnHeader: func(h replica.Header) { atB = append(atB, h) }})
	must(t, errors.Join(errA, errB))
	if len(atA) != 1 || atA[0].ID != rb.Source().Peer || atA[0].Direction != replica.RecvOnly || atA[0].Meta != nil || len(atA[0].Clock) != 0 {
		t.Errorf("a was told %+v", atA)
	}
	if len(atB) != 1 || atB[0].ID != ra.Source().Peer || atB[0].Direction != replica.Both || string(atB[0].Meta) != "from a" || atB[0].Clock[ra.Source()] != 1 {
		t.Errorf("b was told %+v", atB)
	}
	if err := ra.Replicate(t.Context(), nil, replica.StreamOptions{Meta: make([]byte, replica.MaxMeta+1)}); err == nil {
		t.Error("too much meta is taken")
	}
}

// A master's changes reach its copies, and theirs never reach it; masters among
// themselves go both ways.
func TestReadOnlyCopies(t *testing.T) {
	clock := ticking()
	master, rm := newMap(t, 1, clock)
	other, ro := newMap(t, 2, clock)
	slave, rs := newMap(t, 3, clock)
	third, rt := newMap(t, 4, clock)
	down := func(from, to *replica.Replica) {
		t.Helper()
		errA, errB := replicatest.Sync(t.Context(), from, to, replica.StreamOptions{Direction: replica.SendOnly}, replica.StreamOptions{Direction: replica.RecvOnly})
		must(t, errors.Join(errA, errB))
	}
	must(t, master.Set("a", []byte("1")))
	must(t, slave.Set("b", []byte("2")))
	down(rm, rs)
	wantMap(t, "the master", master, map[string]string{"a": "1"})
	wantMap(t, "the slave", slave, map[string]string{"a": "1", "b": "2"})
	must(t, slave.Set("a", []byte("mine")))
	must(t, master.Set("a", []byte("3")))
	down(rm, rs)
	wantMap(t, "the master", master, map[string]string{"a": "3"})
	wantMap(t, "the slave", slave, map[string]string{"a": "3", "b": "2"})
	down(rs, rt)
	wantMap(t, "the third", third, map[string]string{"a": "3", "b": "2"})
	must(t, other.Set("c", []byte("4")))
	replicatest.MustSync(t, rm, ro)
	wantMap(t, "the master", master, map[string]string{"a": "3", "c": "4"})

	// One of the two sides is enough to keep a direction shut.
	errA, errB := replicatest.Sync(t.Context(), rm, rs, replica.StreamOptions{Direction: replica.SendOnly}, replica.StreamOptions{})
	must(t, errors.Join(errA, errB))
	wantMap(t, "the master", master, map[string]string{"a": "3", "c": "4"})
	wantMap(t, "the slave", slave, map[string]string{"a": "3", "b": "2", "c": "4"})
}

func TestClone(t *testing.T) {
	a, ra := newMap(t, 1)
	must(t, a.Set("before", []byte("1")))
	b := replica.NewMap(replica.MapOptions{})
	rb, err := ra.Clone(b)
	must(t, err)
	closeAtEnd(t, rb)
	if rb.Source().Peer != ra.Source().Peer || rb.Source() == ra.Source() {
		t.Errorf("the clone writes as %v, the original as %v", rb.Source(), ra.Source())
	}
	must(t, b.Set("from b", []byte("2")))
	must(t, a.Set("from a", []byte("3")))
	until(t, a.Watch(t.Context()), func() bool { return a.Len() == 3 })
	until(t, b.Watch(t.Context()), func() bool { return b.Len() == 3 })
	sameHistory(t, ra, rb)
	if c := ra.Counts(); c.Clones != 1 {
		t.Errorf("%d clones, want 1", c.Clones)
	}
	must(t, rb.Close())
	must(t, ra.Close())
	if c := ra.Counts(); c.Clones != 0 {
		t.Errorf("%d clones are left", c.Clones)
	}
}

// Streams that came and went leave nothing behind.
func TestStreamsLeaveNothing(t *testing.T) {
	a, ra := newMap(t, 1)
	_, rb := newMap(t, 2)
	for range 20 {
		must(t, a.Set("key", nil))
		replicatest.MustSync(t, ra, rb)
	}
	if ca, cb := ra.Counts(), rb.Counts(); ca.Streams != 0 || cb.Streams != 0 || cb.Updates != 1 {
		t.Errorf("left: %+v, %+v", ca, cb)
	}
}

func TestChangesAreSeen(t *testing.T) {
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2)
	changesA, changesB := a.Watch(t.Context()), b.Watch(t.Context())
	must(t, a.Set("key", []byte("value")))
	replicatest.MustSync(t, ra, rb)
	for change := range changesA {
		if change.Key != "key" || string(change.Value) != "value" || !change.Local || change.Deleted {
			t.Errorf("a saw %+v", change)
		}
		break
	}
	for change := range changesB {
		if change.Key != "key" || string(change.Value) != "value" || change.Local {
			t.Errorf("b saw %+v", change)
		}
		break
	}
	changesB = b.Watch(t.Context())
	must(t, a.Delete("key"))
	must(t, a.Delete("key"))
	replicatest.MustSync(t, ra, rb)
	for change := range changesB {
		if change.Key != "key" || !change.Deleted || change.Value != nil {
			t.Errorf("b saw %+v", change)
		}
		break
	}
	if data, err := b.MarshalJSON(); err != nil || string(data) != "{}" {
		t.Errorf("JSON is %s, %v", data, err)
	}
	if c := rb.Counts(); c.Updates != 1 {
		t.Errorf("%d updates are kept, want the tombstone: deleting twice is once", c.Updates)
	}
}

func TestMapIterates(t *testing.T) {
	m, _ := newMap(t, 1)
	for _, key := range []string{"b", "a", "c"} {
		must(t, m.Set(key, []byte(key+key)))
	}
	must(t, m.Delete("c"))
	var keys []string
	for key, value := range m.All() {
		keys = append(keys, key+"="+string(value))
	}
	if !slices.Equal(keys, []string{"a=aa", "b=bb"}) || m.Len() != 2 {
		t.Errorf("All yields %q", keys)
	}
	if data, err := m.MarshalJSON(); err != nil || string(data) != `{"a":"YWE=","b":"YmI="}` {
		t.Errorf("JSON is %s, %v", data, err)
	}
}

// Both see all events, in the order of their times, those of before as well.
func TestEventsReachEverybody(t *testing.T) {
	a, b := replica.NewEventLog(0), replica.NewEventLog(0)
	ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
	must(t, a.Emit("x", []byte("0")))
	must(t, a.Emit("x", []byte("1")))
	must(t, b.Emit("y", []byte("2")))
	follow := b.Follow(t.Context(), nil)
	stream := tails(t, ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
	for i := range byte(3) {
		must(t, a.Emit("x", []byte{'3' + i}))
	}
	bySource := map[replica.Source]uint64{}
	count := 0
	for e := range follow {
		if e.Seq != bySource[e.Source]+1 {
			t.Errorf("event %d of %v after %d", e.Seq, e.Source, bySource[e.Source])
		}
		bySource[e.Source] = e.Seq
		if e.Local != (e.Source == rb.Source()) {
			t.Errorf("Local is %v of %+v", e.Local, e)
		}
		if count++; count == 6 {
			break
		}
	}
	stream.end()
	for _, l := range []*replica.EventLog{a, b} {
		last := replica.Timestamp(0)
		if l.Len() != 6 {
			t.Errorf("%d events", l.Len())
		}
		for e := range l.Since(nil) {
			if e.Time < last {
				t.Errorf("out of order: %+v", e)
			}
			last = e.Time
		}
	}
}

func TestValueKeepsItsPast(t *testing.T) {
	v := replica.NewValue(10, replica.CBOR[int]())
	r := newReplica(t, 1, v)
	if _, ok := v.Get(); ok {
		t.Error("nobody set it")
	}
	for i := range 15 {
		must(t, v.Set(i))
	}
	if got := slices.Collect(v.Past()); !slices.Equal(got, []int{14, 13, 12, 11, 10, 9, 8, 7, 6, 5}) {
		t.Errorf("Past is %v", got)
	}
	if c := r.Counts(); c.Updates != 10 {
		t.Errorf("%d updates are kept, want 10", c.Updates)
	}
}

func TestValueHoldsObjectsAndNothing(t *testing.T) {
	type object struct {
		Name  string   `cbor:"1,keyasint"`
		Parts []string `cbor:"2,keyasint"`
	}
	a, b := replica.NewValue(1, replica.CBOR[*object]()), replica.NewValue(1, replica.CBOR[*object]())
	ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
	must(t, a.Set(&object{"x", []string{"y", "z"}}))
	replicatest.MustSync(t, ra, rb)
	if got, ok := b.Get(); !ok || got.Name != "x" || !slices.Equal(got.Parts, []string{"y", "z"}) {
		t.Errorf("b has %+v", got)
	}
	must(t, b.Set(nil))
	replicatest.MustSync(t, ra, rb)
	if got, ok := a.Get(); !ok || got != nil {
		t.Errorf("a has %+v, %v, want a nil that was set", got, ok)
	}
}
