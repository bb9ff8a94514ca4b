package replica_test

import (
	"context"
	"flag"
	"maps"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
)

// TestMain runs the tests, or, in a process that a test started, the writer that is
// going to be killed.
func TestMain(m *testing.M) {
	if path := os.Getenv(childPath); path != "" {
		os.Exit(writeUntilKilled(path))
	}
	_ = flag.Set("rapid.checks", "25")
	_ = flag.Set("rapid.nofailfile", "true")
	goleak.VerifyTestMain(m,
		// One for the whole process, started by the first bandwidth counter.
		goleak.IgnoreTopFunction("github.com/libp2p/go-flow-metrics.(*sweeper).run"),
		// Outlives a closed host for a moment.
		goleak.IgnoreAnyFunction("github.com/libp2p/go-libp2p/p2p/net/swarm.(*Swarm).Close.func1"))
}

// newReplica returns a replica of a model in the name of the n-th signer.
func newReplica(t testing.TB, n byte, model replica.Model, change ...func(*replica.Config)) *replica.Replica {
	t.Helper()
	r, err := replica.New(model, config(n, change...))
	if err != nil {
		t.Fatal(err)
	}
	closeAtEnd(t, r)
	return r
}

func config(n byte, change ...func(*replica.Config)) replica.Config {
	cfg := replica.Config{Doc: "doc", Mesh: "test", Signer: replicatest.Signer(n)}
	for _, c := range change {
		c(&cfg)
	}
	return cfg
}

func closeAtEnd(t testing.TB, r *replica.Replica) {
	t.Helper()
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
}

// newMap returns a replica of a new map.
func newMap(t testing.TB, n byte, change ...func(*replica.Config)) (*replica.Map, *replica.Replica) {
	t.Helper()
	m := replica.NewMap(replica.MapOptions{})
	return m, newReplica(t, n, m, change...)
}

// trace collects events by kind.
type trace map[replica.Kind][]replica.Event

func (tr trace) into(cfg *replica.Config) {
	cfg.Trace = func(e replica.Event) { tr[e.Kind] = append(tr[e.Kind], e) }
}

// must fails the test on an error.
func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// wantMap compares what a map holds.
func wantMap(t testing.TB, who string, m *replica.Map, want map[string]string) {
	t.Helper()
	got := map[string]string{}
	for key, value := range m.All() {
		got[key] = string(value)
	}
	if !maps.Equal(got, want) {
		t.Errorf("%s holds %q, want %q", who, got, want)
	}
}

// sameHistory compares what two replicas keep.
func sameHistory(t testing.TB, a, b *replica.Replica) {
	t.Helper()
	key := func(u replica.Update) [2]any { return [2]any{u.Source, u.Seq} }
	ha, hb := a.History(nil), b.History(nil)
	if !slices.EqualFunc(ha, hb, func(u, v replica.Update) bool { return key(u) == key(v) }) {
		t.Errorf("histories differ: %d and %d updates", len(ha), len(hb))
	}
	if !maps.Equal(a.Clock(), b.Clock()) {
		t.Errorf("clocks differ: %v and %v", a.Clock(), b.Clock())
	}
}

// tail is a stream between two replicas that stays.
type tail struct {
	cancel context.CancelFunc
	done   chan [2]error
}

// tails replicates between two replicas until the tail is ended. It returns once both
// are equal.
func tails(t testing.TB, a, b *replica.Replica, optsA, optsB replica.StreamOptions) tail {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	synced := make(chan struct{}, 2)
	optsA.Tail, optsB.Tail = true, true
	optsA.OnSynced = func() { synced <- struct{}{} }
	optsB.OnSynced = optsA.OnSynced
	tl := tail{cancel, make(chan [2]error, 1)}
	go func() {
		errA, errB := replicatest.Sync(ctx, a, b, optsA, optsB)
		tl.done <- [2]error{errA, errB}
	}()
	for range 2 {
		select {
		case <-synced:
		case errs := <-tl.done:
			t.Fatalf("replicate: %v; the other side: %v", errs[0], errs[1])
		}
	}
	return tl
}

// wait returns what either side says when the stream has ended.
func (tl tail) wait() (errA, errB error) {
	errs := <-tl.done
	tl.cancel()
	return errs[0], errs[1]
}

// end ends the stream.
func (tl tail) end() {
	tl.cancel()
	<-tl.done
}

// ticking returns a wall clock that is a millisecond later each time it is read, so
// that what is written later is later, by whomever.
func ticking() func(*replica.Config) {
	var mu sync.Mutex
	now := time.Now()
	return func(cfg *replica.Config) {
		cfg.Now = func() time.Time {
			mu.Lock()
			defer mu.Unlock()
			now = now.Add(time.Millisecond)
			return now
		}
	}
}

// until waits for a change after which holds reports true.
func until[T any](t testing.TB, changes func(yield func(T) bool), holds func() bool) {
	t.Helper()
	if holds() {
		return
	}
	for range changes {
		if holds() {
			return
		}
	}
	t.Fatal("what was waited for did not come")
}
