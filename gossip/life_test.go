package gossip_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/gossip/gossiptest"
	"github.com/batchain/batchain/wire"
)

func TestNewChecks(t *testing.T) {
	network := gossiptest.NewNetwork(1)
	good := gossip.Config{Key: key(1), Mesh: "test", Transport: network.Endpoint(id(t, key(1)))}
	for name, spoil := range map[string]func(*gossip.Config){
		"no key":       func(c *gossip.Config) { c.Key = nil },
		"no transport": func(c *gossip.Config) { c.Transport = nil },
		"bad mesh":     func(c *gossip.Config) { c.Mesh = "A" },
		"phi":          func(c *gossip.Config) { c.Options.Phi = 9 },
		"order of phi": func(c *gossip.Config) { c.Options.SuspectPhi = 9 },
		"interval":     func(c *gossip.Config) { c.Options.Interval = time.Microsecond },
	} {
		cfg := good
		spoil(&cfg)
		if _, err := gossip.New(cfg); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	// Nothing starts on construction: no timer, no message.
	synctest.Test(t, func(t *testing.T) {
		if _, err := gossip.New(good); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Hour)
		if sent := network.Endpoint(id(t, key(1))).Traffic().SentMessages; sent != 0 {
			t.Errorf("%d messages", sent)
		}
	})
}

// One that ends lives again, in a later life, by the same store or an empty
// one; it runs once at a time.
func TestRunAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 3)
		defer m.stop()
		until(t, time.Minute, "together", m.everyoneKnowsEveryone)
		g := m.members[2]
		if err := g.Run(t.Context()); !errors.Is(err, gossip.ErrRunning) {
			t.Errorf("a second Run: %v", err)
		}
		if _, err := g.Set(t.Context(), "k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		before, _ := m.members[0].Member(g.Peer())
		var mu sync.Mutex
		var told []gossip.Kind
		watching, stop := context.WithCancel(t.Context())
		events := m.members[0].Watch(watching)
		var wait sync.WaitGroup
		wait.Go(func() {
			for e := range events {
				if e.Peer == g.Peer() {
					mu.Lock()
					told = append(told, e.Kind)
					mu.Unlock()
				}
			}
		})
		m.stops[2]()
		ctx, cancel := context.WithCancel(t.Context())
		wait.Go(func() {
			if err := g.Run(ctx); err != nil {
				t.Error(err)
			}
		})
		m.stops[2] = func() { cancel(); stop(); wait.Wait() }
		took := until(t, 5*time.Second, "the new life is known, with its values", func() bool {
			after, _ := m.members[0].Member(g.Peer())
			return after.Incarnation > before.Incarnation && string(after.Values["k"].Data) == "v" && after.State == gossip.Live
		})
		t.Logf("after %v", took)
		mu.Lock()
		defer mu.Unlock()
		if !slices.Contains(told, gossip.KindRestarted) || !slices.Contains(told, gossip.KindLive) {
			t.Errorf("told %v", told)
		}
	})
}

// What a store keeps is known after a restart, as hearsay, and leads back into
// the mesh without a seed; the incarnation is on it before anything is sent.
func TestStoreLeadsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 3)
		defer m.stop()
		m.stops[2]()
		store := gossip.NewMemoryStore()
		m.start(2, store)
		until(t, time.Minute, "together", m.everyoneKnowsEveryone)
		time.Sleep(40 * time.Second)
		m.stops[2]()
		own, err := store.Get(m.members[2].Peer())
		if err != nil || own.Incarnation == 0 {
			t.Fatalf("%+v, %v", own, err)
		}
		g, err := gossip.New(gossip.Config{
			Key: m.keys[2], Mesh: "test", Store: store,
			Transport: m.network.Endpoint(id(t, m.keys[2])), Rand: rand.New(rand.NewPCG(1, 2)),
		})
		if err != nil {
			t.Fatal(err)
		}
		if known, _ := g.Member(m.members[0].Peer()); known.State != gossip.Unknown {
			t.Errorf("from the store one is %s", known.State)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		m.network.Endpoint(g.Peer()).Overhear(func(peer.ID, []byte) {
			if now, err := store.Get(g.Peer()); err != nil || now.Incarnation <= own.Incarnation {
				t.Errorf("it speaks while the store has %+v, %v", now, err)
			}
		})
		wait.Go(func() { _ = g.Run(ctx) })
		m.members[2], m.stops[2] = g, func() { cancel(); wait.Wait() }
		until(t, 10*time.Second, "together", m.everyoneKnowsEveryone)
	})
}

// A store or a transport that fails ends Run with its error.
func TestFailuresEndRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		network := gossiptest.NewNetwork(1)
		broken := errors.New("broken")
		cfg := gossip.Config{Key: key(1), Mesh: "test", Transport: network.Endpoint(id(t, key(1))), Store: &failing{gossip.NewMemoryStore(), broken}}
		g, err := gossip.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if err := g.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run: %v", err)
		}
		cfg.Store, cfg.Transport = nil, deaf{cfg.Transport, broken}
		if g, err = gossip.New(cfg); err != nil {
			t.Fatal(err)
		}
		if err := g.Run(t.Context()); !errors.Is(err, broken) {
			t.Errorf("Run: %v", err)
		}
	})
}

type failing struct {
	gossip.Store
	err error
}

func (s *failing) Put(...gossip.Saved) error { return s.err }

type deaf struct {
	gossip.Transport
	err error
}

func (d deaf) Serve(context.Context, func(peer.ID, []byte)) error { return d.err }

// Who leaves is known to have left, by all and at once.
func TestLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 8)
		defer m.stop()
		until(t, time.Minute, "together", m.everyoneKnowsEveryone)
		g := m.members[5]
		if err := g.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.stops[5]()
		took := until(t, 3*time.Second, "all know it has left", func() bool {
			for i, other := range m.members {
				if member, _ := other.Member(g.Peer()); i != 5 && member.State != gossip.Left {
					return false
				}
			}
			return true
		})
		t.Logf("after %v", took)
		if _, err := g.Set(t.Context(), "k", nil); !errors.Is(err, gossip.ErrLeft) {
			t.Errorf("Set after Leave: %v", err)
		}
		if err := g.Delete(t.Context(), "k"); !errors.Is(err, gossip.ErrLeft) {
			t.Errorf("Delete after Leave: %v", err)
		}
	})
}

// A watcher sees updates under its prefixes and all of liveness; one that does
// not keep up loses updates only, and is told how many.
func TestWatch(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 2)
		defer m.stop()
		until(t, time.Minute, "together", m.everyoneKnowsEveryone)
		a, b := m.members[0], m.members[1]
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		some, all := b.Watch(ctx, "load/"), b.Watch(ctx)
		for i := range 2000 {
			if _, err := a.Set(t.Context(), "other", []byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
			time.Sleep(100 * time.Millisecond)
		}
		if _, err := a.Set(t.Context(), "load/cpu", []byte("1")); err != nil {
			t.Fatal(err)
		}
		until(t, 5*time.Second, "it is there", func() bool { _, ok := b.Get(a.Peer(), "load/cpu"); return ok })
		for e := range some {
			if e.Kind != gossip.KindUpdate || e.Key != "load/cpu" || e.Peer != a.Peer() || string(e.Value) != "1" || e.Version == 0 {
				t.Errorf("told %+v", e)
			}
			break
		}
		for e := range all {
			if e.Kind == gossip.KindUpdate && e.Dropped == 0 {
				t.Errorf("nothing was dropped: %+v", e)
			}
			break
		}
		m.stops[0]()
		lost := b.Watch(ctx)
		time.Sleep(30 * time.Second)
		var kinds []gossip.Kind
		for e := range lost {
			if kinds = append(kinds, e.Kind); e.Kind == gossip.KindDead {
				break
			}
		}
		if !slices.Equal(kinds, []gossip.Kind{gossip.KindSuspect, gossip.KindDead}) {
			t.Errorf("told %v", kinds)
		}
		for range b.Watch(ended(ctx)) {
			t.Error("a watch whose context has ended tells something")
		}
	})
}

func ended(ctx context.Context) context.Context {
	ctx, cancel := context.WithCancel(ctx)
	cancel()
	return ctx
}

// Bounds are told by their names, an equal value is no change, and who speaks
// faster than others follow has to wait.
func TestSet(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 1)
		defer m.stop()
		g := m.members[0]
		ctx := t.Context()
		if _, err := g.Set(ctx, "k", make([]byte, gossip.MaxValue+1)); !errors.Is(err, wire.ErrTooBig) {
			t.Errorf("a large value: %v", err)
		}
		if _, err := g.Set(ctx, "", nil); !errors.Is(err, wire.ErrTooBig) {
			t.Errorf("no key: %v", err)
		}
		first, err := g.Set(ctx, "k", []byte("v"))
		if again, _ := g.Set(ctx, "k", []byte("v")); err != nil || again != first {
			t.Errorf("version %d, again %d, %v", first, again, err)
		}
		if err := g.Delete(ctx, "k"); err != nil {
			t.Fatal(err)
		}
		if _, there := g.Get(g.Peer(), "k"); there {
			t.Error("it is still there")
		}
		data := []byte("mine")
		if _, err := g.Set(ctx, "k", data); err != nil {
			t.Fatal(err)
		}
		data[0] = 'X'
		if v, _ := g.Get(g.Peer(), "k"); string(v.Data) != "mine" {
			t.Errorf("a change outside came in: %q", v.Data)
		}
		began := time.Now()
		for i := range 1000 {
			if _, err := g.Set(ctx, "k", []byte(fmt.Sprint(i))); err != nil {
				t.Fatal(err)
			}
		}
		if took := time.Since(began); took < 5*time.Second || took > 20*time.Second {
			t.Errorf("1000 changes were admitted in %v", took)
		}
		short, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		if _, err := g.Set(short, "k", []byte("late")); err == nil {
			t.Error("nothing waits")
		}
	})
}

func TestGossipOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 2)
		defer m.stop()
		until(t, time.Minute, "together", m.everyoneKnowsEveryone)
		traffic := m.network.Endpoint(m.members[0].Peer()).Traffic
		synctest.Wait()
		before := traffic().SentMessages
		if err := m.members[0].GossipOnce(t.Context()); err != nil {
			t.Fatal(err)
		}
		synctest.Wait()
		if traffic().SentMessages == before {
			t.Error("nothing was sent")
		}
	})
}

// Addresses are told to the transport when they are said, and again and again.
func TestAddressesAreRepeated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 2)
		defer m.stop()
		m.stops[1]()
		pupil := &pupil{Transport: m.network.Endpoint(m.members[1].Peer()), told: map[string]int{}}
		g, err := gossip.New(gossip.Config{
			Key: m.keys[1], Mesh: "test", Transport: pupil, Seeds: func() []peer.ID { return []peer.ID{m.members[0].Peer()} },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _ = g.Run(ctx) })
		m.members[1], m.stops[1] = g, func() { cancel(); wait.Wait() }
		time.Sleep(16 * time.Minute)
		synctest.Wait()
		if got := pupil.times(string(m.members[0].Peer())); got != 4 {
			t.Errorf("told %d times in 16 minutes, want 4", got)
		}
	})
}

// pupil counts what it is told.
type pupil struct {
	gossip.Transport
	mu   sync.Mutex
	told map[string]int
}

func (p *pupil) Learn(_ peer.ID, address []byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.told[string(address)]++
}

func (p *pupil) times(address string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.told[address]
}

// A trace shows both ends of every exchange, and who said what in it.
func TestTrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 2)
		defer m.stop()
		m.stops[1]()
		var mu sync.Mutex
		told := map[string]int{}
		peers, records := map[peer.ID]bool{}, 0
		g, err := gossip.New(gossip.Config{
			Key: m.keys[1], Mesh: "test", Transport: m.network.Endpoint(m.members[1].Peer()),
			Seeds: func() []peer.ID { return []peer.ID{m.members[0].Peer()} },
			Trace: func(e gossip.Traced) {
				mu.Lock()
				defer mu.Unlock()
				told[fmt.Sprint(e.Kind, " ", e.Sent)]++
				peers[e.Peer] = true
				if !e.Sent {
					records += e.Records
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		var wait sync.WaitGroup
		wait.Go(func() { _ = g.Run(ctx) })
		m.members[1], m.stops[1] = g, func() { cancel(); wait.Wait() }
		if _, err := m.members[0].Set(t.Context(), "k", []byte("v")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(15 * time.Second)
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		for _, want := range []string{"syn true", "syn false", "synack true", "synack false"} {
			if told[want] < 5 {
				t.Errorf("%s: %d times", want, told[want])
			}
		}
		if records == 0 || len(peers) != 1 || !peers[m.members[0].Peer()] {
			t.Errorf("%d records, with %d peers: %v", records, len(peers), told)
		}
	})
}
