package replica_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"path/filepath"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
	"github.com/batchain/batchain/wire"
)

func signerID(n byte) peer.ID { return replicatest.Signer(n).ID() }

// at is a wall clock that stands still.
func at(now time.Time) func(*replica.Config) {
	return func(cfg *replica.Config) { cfg.Now = func() time.Time { return now } }
}

// Two that write at the same time end with the same.
func TestEqualTimesEndEqual(t *testing.T) {
	now := time.Now()
	a, ra := newMap(t, 1, at(now))
	b, rb := newMap(t, 2, at(now))
	c, rc := newMap(t, 3, at(now))
	must(t, a.Set("k", []byte("x")))
	must(t, b.Set("k", []byte("y")))
	if u, v := ra.History(nil)[0], rb.History(nil)[0]; u.Time != v.Time {
		t.Fatalf("the times are %v and %v, want the same", u.Time, v.Time)
	}
	replicatest.MustSync(t, ra, rc)
	replicatest.MustSync(t, rb, rc)
	replicatest.MustSync(t, ra, rb)
	va, _ := a.Get("k")
	vb, _ := b.Get("k")
	vc, _ := c.Get("k")
	if string(va) != string(vb) || string(va) != string(vc) {
		t.Errorf("a has %q, b %q, c %q", va, vb, vc)
	}
	winner := "x"
	if rb.Source().Compare(ra.Source()) > 0 {
		winner = "y"
	}
	if string(va) != winner {
		t.Errorf("all have %q, want that of the greater source, %q", va, winner)
	}
}

// forge returns a record that says it is the n-th update of a source, and is signed by
// somebody else.
func forge(t testing.TB, source replica.Source, seq uint64, when time.Time) []byte {
	t.Helper()
	body := encode(t, map[int]any{
		1: source.Peer, 2: source.Epoch, 3: seq, 4: uint64(replica.At(when)), 5: make([]byte, 32),
		6: encode(t, map[int]any{1: []byte("k"), 2: []byte("forged")}),
	})
	sig, err := replicatest.Signer(66).Sign(wire.Domain{Kind: "replica/doc", Mesh: "test"}.Covered(body))
	must(t, err)
	return encode(t, map[int]any{1: body, 2: sig})
}

// What is forged in an author's name does not keep that author's own updates out.
func TestForgedUpdateBlocksNobody(t *testing.T) {
	for name, when := range map[string]time.Time{"past": time.Unix(1, 0), "now": time.Now(), "near future": time.Now().Add(time.Minute)} {
		t.Run(name, func(t *testing.T) {
			seen := trace{}
			a, ra := newMap(t, 1)
			b, rb := newMap(t, 2, seen.into)
			err := lie(t, rb, replica.StreamOptions{}, func(l liar) {
				go l.greet(nil)
				l.until(kindCommit)
				l.updates(nil, forge(t, ra.Source(), 1000, when))
				l.until(kindDone)
				l.frame(kindDone, nil)
			})
			must(t, err)
			if len(seen[replica.Unverified]) != 1 || len(seen[replica.Applied]) != 0 || len(rb.Clock()) != 0 {
				t.Errorf("a forged update: %v, clock %v", seen, rb.Clock())
			}
			must(t, a.Set("k", []byte("honest")))
			replicatest.MustSync(t, ra, rb)
			wantMap(t, "b", b, map[string]string{"k": "honest"})
		})
	}
}

// flaky is a verifier whose key store cannot be reached at times.
type flaky struct {
	failures atomic.Int32
	calls    atomic.Int32
}

var errStore = errors.New("the key store does not answer")

func (f *flaky) Verify(ctx context.Context, source peer.ID, data, sig []byte) (bool, error) {
	f.calls.Add(1)
	if f.failures.Add(-1) >= 0 {
		return false, errStore
	}
	return replica.PeerKeys{}.Verify(ctx, source, data, sig)
}

// An update that cannot be verified now is tried again, and those after it wait.
func TestVerificationIsRetriedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier := &flaky{}
		verifier.failures.Store(3)
		l, copied := replica.NewEventLog(0), replica.NewEventLog(0)
		ra := newReplica(t, 1, l)
		var order []uint64
		rb := newReplica(t, 2, copied, func(cfg *replica.Config) {
			cfg.Verifier = verifier
			cfg.Trace = func(e replica.Event) { order = append(order, e.Update.Seq) }
		})
		for i := range byte(5) {
			must(t, l.Emit("n", []byte{i}))
		}
		began := time.Now()
		replicatest.MustSync(t, ra, rb)
		if fmt.Sprint(order) != "[1 2 3 4 5]" {
			t.Errorf("applied in the order %v", order)
		}
		if took := time.Since(began); took < 500*time.Millisecond || verifier.calls.Load() != 8 {
			t.Errorf("%d calls in %v", verifier.calls.Load(), took)
		}
	})
}

// When the key store stays away the stream ends, the clock stands where it was, and
// another stream brings what is missing.
func TestWhatCannotBeVerifiedComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		verifier := &flaky{}
		verifier.failures.Store(1 << 20)
		a, ra := newMap(t, 1)
		b, rb := newMap(t, 2, func(cfg *replica.Config) { cfg.Verifier = verifier })
		must(t, a.Set("k", []byte("v")))
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		errA, errB := replicatest.Sync(ctx, ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
		if errA == nil || errB == nil || len(rb.Clock()) != 0 {
			t.Errorf("errors %v, %v; clock %v", errA, errB, rb.Clock())
		}
		verifier.failures.Store(0)
		replicatest.MustSync(t, ra, rb)
		wantMap(t, "b", b, map[string]string{"k": "v"})
	})
}

// A change that is refused is not lost: it comes again when it is allowed.
func TestRefusedAuthorComesAgain(t *testing.T) {
	var allowed atomic.Bool
	seen := trace{}
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2, seen.into, func(cfg *replica.Config) {
		cfg.Authors = func(id peer.ID) bool { return id == signerID(2) || allowed.Load() }
	})
	must(t, a.Set("k", []byte("v")))
	must(t, a.Set("l", []byte("w")))
	replicatest.MustSync(t, ra, rb)
	wantMap(t, "b", b, map[string]string{})
	if got := seen[replica.Refused]; len(got) != 1 || !errors.Is(got[0].Err, replica.ErrAuthor) || len(rb.Clock()) != 0 {
		t.Errorf("refused: %+v, clock %v", got, rb.Clock())
	}
	allowed.Store(true)
	replicatest.MustSync(t, ra, rb)
	wantMap(t, "b", b, map[string]string{"k": "v", "l": "w"})
}

// A wall clock that steps back loses nobody's writes, a restart in between included.
func TestClockStepsBack(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc")
	now := time.Now()
	open := func() (*replica.Map, *replica.Replica) {
		m := replica.NewMap(replica.MapOptions{})
		r, err := replica.Open(t.Context(), path, m, config(1, func(cfg *replica.Config) { cfg.Now = func() time.Time { return now } }))
		must(t, err)
		return m, r
	}
	m, r := open()
	must(t, m.Set("k", []byte("1")))
	now = now.Add(-time.Minute)
	must(t, m.Set("k", []byte("2")))
	wantMap(t, "after the step", m, map[string]string{"k": "2"})
	must(t, r.Close())
	now = now.Add(-24 * time.Hour)
	m, r = open()
	must(t, m.Set("k", []byte("3")))
	wantMap(t, "after the restart", m, map[string]string{"k": "3"})
	other, ro := newMap(t, 2)
	replicatest.MustSync(t, r, ro)
	wantMap(t, "the other", other, map[string]string{"k": "3"})
	must(t, r.Close())
}

// A clock that is ahead wins nothing for ever: what it stamped waits until its time
// has come. A little ahead is taken, and whoever saw it stays after it.
func TestClockAhead(t *testing.T) {
	now := time.Now()
	seen := trace{}
	ahead, ra := newMap(t, 1, at(now.Add(24*time.Hour)))
	b, rb := newMap(t, 2, seen.into, func(cfg *replica.Config) { cfg.Now = func() time.Time { return now } })
	must(t, ahead.Set("k", []byte("tomorrow")))
	must(t, b.Set("k", []byte("today")))
	replicatest.MustSync(t, ra, rb)
	wantMap(t, "b", b, map[string]string{"k": "today"})
	if got := seen[replica.Refused]; len(got) != 1 || !errors.Is(got[0].Err, replica.ErrSkew) {
		t.Errorf("refused: %+v", got)
	}
	now = now.Add(24 * time.Hour)
	replicatest.MustSync(t, ra, rb)
	wantMap(t, "b, a day later", b, map[string]string{"k": "tomorrow"})

	slightly, rs := newMap(t, 3, at(now.Add(replica.MaxSkew)))
	must(t, slightly.Set("k", []byte("ahead")))
	replicatest.MustSync(t, rs, rb)
	wantMap(t, "b", b, map[string]string{"k": "ahead"})
	must(t, b.Set("k", []byte("after")))
	wantMap(t, "b", b, map[string]string{"k": "after"})
	replicatest.MustSync(t, rs, rb)
	wantMap(t, "the one ahead", slightly, map[string]string{"k": "after"})
}

// A tail that met updates from the future gets them when their time has come and
// their author writes again.
func TestTailRecoversFromSkew(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ahead := time.Hour
		a, ra := newMap(t, 1, func(cfg *replica.Config) { cfg.Now = func() time.Time { return time.Now().Add(ahead) } })
		b, rb := newMap(t, 2)
		must(t, a.Set("k", []byte("1")))
		stream := tails(t, ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
		must(t, a.Set("l", []byte("2")))
		synctest.Wait()
		wantMap(t, "b", b, map[string]string{})
		time.Sleep(ahead)
		ahead = 0
		must(t, a.Set("m", []byte("3")))
		synctest.Wait()
		wantMap(t, "b, an hour later", b, map[string]string{"k": "1", "l": "2", "m": "3"})
		stream.end()
	})
}

// One who leaves out an update cannot make us believe that there is none: we ask for
// all, and end the stream when there is still something missing. An honest one then
// brings it.
func TestOmissionIsFoundOut(t *testing.T) {
	seen := trace{}
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2, seen.into)
	for _, key := range []string{"k", "l", "m"} {
		must(t, a.Set(key, []byte(key)))
	}
	all := records(t, ra)
	source := map[int]any{1: ra.Source().Peer, 2: ra.Source().Epoch}
	err := lie(t, rb, replica.StreamOptions{}, func(l liar) {
		go l.greet(nil)
		l.until(kindCommit)
		l.updates(nil, all[0], all[2])
		l.until(kindWant)
		l.updates([]map[int]any{source}, all[0], all[2])
	})
	if !errors.Is(err, replica.ErrOmission) || len(seen[replica.Omitted]) != 1 {
		t.Errorf("Replicate: %v; events %v", err, seen)
	}
	wantMap(t, "b", b, map[string]string{})
	replicatest.MustSync(t, ra, rb)
	wantMap(t, "b", b, map[string]string{"k": "k", "l": "l", "m": "m"})
}

// What a source has dropped, and what dropped it, is no omission, however long one was
// away; and nothing that was dropped is left.
func TestLongAwayEndsEqual(t *testing.T) {
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2)
	seen := trace{}
	c, rc := newMap(t, 3, seen.into)
	for i := range 10 {
		must(t, a.Set(fmt.Sprint(i%3), []byte(fmt.Sprint(i))))
		if i == 4 {
			replicatest.MustSync(t, ra, rc)
		}
	}
	must(t, a.Delete("1"))
	must(t, a.Set("1", []byte("again")))
	must(t, a.Delete("1"))
	replicatest.MustSync(t, ra, rb)
	replicatest.MustSync(t, rb, rc)
	want := map[string]string{"0": "9", "2": "8"}
	wantMap(t, "a", a, want)
	wantMap(t, "b", b, want)
	wantMap(t, "c", c, want)
	sameHistory(t, ra, rc)
	if len(seen[replica.Omitted]) != 0 {
		t.Errorf("events: %+v", seen)
	}
}

// A signature is good for its document and mesh only.
func TestSignatureIsBoundToDocument(t *testing.T) {
	for name, change := range map[string]func(*replica.Config){
		"document": func(cfg *replica.Config) { cfg.Doc = "other" },
		"mesh":     func(cfg *replica.Config) { cfg.Mesh = "other" },
	} {
		t.Run(name, func(t *testing.T) {
			seen := trace{}
			a, ra := newMap(t, 1)
			b, rb := newMap(t, 2, seen.into, change)
			must(t, a.Set("k", []byte("v")))
			must(t, lie(t, rb, replica.StreamOptions{}, func(l liar) {
				cfg := config(2, change)
				go l.greet(map[int]any{2: cfg.Doc, 3: cfg.Mesh})
				l.until(kindCommit)
				l.updates(nil, records(t, ra)...)
				l.until(kindDone)
				l.frame(kindDone, nil)
			}))
			if len(seen[replica.Unverified]) != 1 {
				t.Errorf("events: %v", seen)
			}
			wantMap(t, "b", b, map[string]string{})
			errA, errB := replicatest.Sync(t.Context(), ra, rb, replica.StreamOptions{}, replica.StreamOptions{})
			if !errors.Is(errors.Join(errA, errB), replica.ErrDocument) {
				t.Errorf("Replicate: %v, %v", errA, errB)
			}
		})
	}
}

// Whether somebody listens makes no difference to what is applied.
func TestListeningChangesNothing(t *testing.T) {
	now := time.Now()
	results := map[bool]map[string]string{}
	for _, listens := range []bool{false, true} {
		var calls int
		a, ra := newMap(t, 1, at(now))
		b, rb := newMap(t, 2, at(now.Add(time.Second)), func(cfg *replica.Config) {
			if listens {
				cfg.Trace = func(replica.Event) { calls++ }
			}
		})
		if listens {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			_ = b.Watch(ctx)
		}
		must(t, b.Set("k", []byte("wins")))
		must(t, a.Set("k", []byte("loses")))
		must(t, a.Set("k", []byte("loses again")))
		replicatest.MustSync(t, ra, rb)
		results[listens] = map[string]string{"counts": fmt.Sprintf("%+v", rb.Counts())}
		for key, value := range b.All() {
			results[listens][key] = string(value)
		}
		if listens != (calls > 0) {
			t.Errorf("%d calls", calls)
		}
	}
	if !maps.Equal(results[false], results[true]) || results[true]["k"] != "wins" {
		t.Errorf("without a listener %v, with one %v", results[false], results[true])
	}
}

// Keys and topics are bytes, and none means anything else.
func TestKeysMeanNothing(t *testing.T) {
	keys := []string{"__proto__", "constructor", "valueOf", "toString", "hasOwnProperty", "newListener", "error", "", "\x00", "\xff\xfe", "ключ", "a/b"}
	a, ra := newMap(t, 1)
	b, rb := newMap(t, 2)
	for _, key := range keys {
		if _, ok := a.Get(key); ok {
			t.Errorf("%q is there before it is set", key)
		}
		must(t, a.Set(key, []byte(key)))
	}
	replicatest.MustSync(t, ra, rb)
	for _, key := range keys {
		if value, ok := b.Get(key); !ok || string(value) != key {
			t.Errorf("%q is %q, %v", key, value, ok)
		}
	}
	if b.Len() != len(keys) {
		t.Errorf("%d keys, want %d", b.Len(), len(keys))
	}
	l := replica.NewEventLog(0)
	newReplica(t, 3, l)
	s := replica.NewSet()
	newReplica(t, 4, s)
	must(t, s.Add(keys...))
	for _, key := range keys {
		must(t, l.Emit(key, nil))
		if !s.Has(key) {
			t.Errorf("%q is not in the set", key)
		}
	}
	for e := range l.Since(nil) {
		if e.Topic != keys[0] {
			t.Errorf("topic %q, want %q", e.Topic, keys[0])
		}
		keys = keys[1:]
	}
}

// What nobody needs is not kept, here or there.
func TestHistoryIsBounded(t *testing.T) {
	l, copied := replica.NewEventLog(10), replica.NewEventLog(10)
	ra, rb := newReplica(t, 1, l), newReplica(t, 2, copied)
	for i := range 500 {
		must(t, l.Emit("n", []byte(fmt.Sprint(i))))
		if i%50 == 0 {
			replicatest.MustSync(t, ra, rb)
		}
	}
	replicatest.MustSync(t, ra, rb)
	if ca, cb := ra.Counts(), rb.Counts(); ca.Updates != 10 || cb.Updates != 10 || copied.Len() != 10 {
		t.Errorf("kept: %+v and %+v", ca, cb)
	}
}

func TestTombstonesAreCollected(t *testing.T) {
	now := time.Now()
	clock := func(cfg *replica.Config) { cfg.Now = func() time.Time { return now } }
	a, ra := newMap(t, 1, clock)
	b, rb := newMap(t, 2, clock)
	for i := range 300 {
		must(t, a.Set(fmt.Sprint(i), []byte("v")))
		must(t, a.Delete(fmt.Sprint(i)))
	}
	must(t, b.Set("mine", []byte("1")))
	replicatest.MustSync(t, ra, rb)
	if c := rb.Counts(); c.Updates != 301 {
		t.Errorf("%d updates, want a tombstone for each key", c.Updates)
	}
	if n, err := ra.Collect(); n != 0 || err != nil {
		t.Errorf("collected %d young tombstones, %v", n, err)
	}
	must(t, a.Delete("mine"))
	now = now.Add(8 * 24 * time.Hour)
	if n, err := ra.Collect(); n < 300 || err != nil {
		t.Errorf("collected %d, %v", n, err)
	}
	replicatest.MustSync(t, ra, rb)
	for _, r := range []*replica.Replica{ra, rb} {
		if _, err := r.Collect(); err != nil {
			t.Fatal(err)
		}
		replicatest.MustSync(t, ra, rb)
	}
	if _, err := ra.Collect(); err != nil {
		t.Fatal(err)
	}
	replicatest.MustSync(t, ra, rb)
	if ca, cb := ra.Counts(), rb.Counts(); ca.Updates > 2 || cb.Updates > 2 {
		t.Errorf("kept: %+v, %+v; want only the newest of each", ca, cb)
	}
	wantMap(t, "a", a, map[string]string{})
	wantMap(t, "b", b, map[string]string{})
}
