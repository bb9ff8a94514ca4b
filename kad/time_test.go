package kad_test

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/failstore"
	"github.com/ipfs/go-datastore/query"
	dssync "github.com/ipfs/go-datastore/sync"
	"github.com/libp2p/go-libp2p/core/peer"
	mocknet "github.com/libp2p/go-libp2p/p2p/net/mock"

	"github.com/batchain/batchain/kad"
	"github.com/batchain/batchain/shard"
)

// sim is a network without sockets, for tests in which days pass.
type sim struct {
	*testing.T
	net mocknet.Mocknet
}

// simulate runs a test under a clock of its own.
func simulate(t *testing.T, test func(*sim)) {
	if !bubbles {
		t.Skip("skipped: the race detector and synctest crash the runtime together")
	}
	synctest.Test(t, func(t *testing.T) {
		s := &sim{T: t, net: mocknet.New()}
		t.Cleanup(func() { _ = s.net.Close() })
		test(s)
	})
}

// add starts a node that can be linked to all others.
func (s *sim) add(change func(*kad.Config)) *node {
	s.Helper()
	h, err := s.net.GenPeer()
	if err != nil {
		s.Fatal(err)
	}
	if err := s.net.LinkAll(); err != nil {
		s.Fatal(err)
	}
	return startOn(s, h, change)
}

func (s *sim) connect(a, b *node) {
	s.Helper()
	if _, err := s.net.ConnectPeers(a.host.ID(), b.host.ID()); err != nil {
		s.Fatal(err)
	}
	s.pass(time.Minute)
}

func (s *sim) cut(a, b *node) {
	s.Helper()
	if err := errors.Join(s.net.DisconnectPeers(a.host.ID(), b.host.ID()), s.net.UnlinkPeers(a.host.ID(), b.host.ID())); err != nil {
		s.Fatal(err)
	}
}

// pass lets time go by.
func (s *sim) pass(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
}

func (s *sim) provide(n *node, l shard.Locator) {
	s.Helper()
	if err := n.Provide(s.Context(), l); err != nil {
		s.Fatal(err)
	}
	s.pass(time.Minute)
}

// holds checks whom a node's records name.
func (s *sim) holds(when string, n *node, l shard.Locator, want ...*node) {
	s.Helper()
	if got := n.Holds(l); !slices.Equal(got, ids(want...)) {
		s.Errorf("%s: record names %v, want %v", when, got, ids(want...))
	}
}

func TestRecordsAreRenewedAndEnd(t *testing.T) {
	simulate(t, func(s *sim) {
		a, b := s.add(nil), s.add(nil)
		s.connect(a, b)
		began := time.Now()
		s.provide(a, locator(1))
		s.provide(a, locator(2))
		s.holds("announced", b, locator(1), a)
		at := func(d time.Duration) { s.pass(time.Until(began.Add(d))) }

		at(30 * time.Hour)
		a.Withdraw(locator(2))
		at(60 * time.Hour) // renewed at 22 h and 44 h
		s.holds("after 60 h", b, locator(1), a)
		s.holds("withdrawn for 30 h", b, locator(2), a)
		a.stop()
		at(73 * time.Hour)
		s.holds("51 h after the last renewal", b, locator(2))
		at(91 * time.Hour)
		s.holds("47 h after the last renewal", b, locator(1), a)
		at(93 * time.Hour)
		s.holds("49 h after the last renewal", b, locator(1))
	})
}

func TestAloneForADay(t *testing.T) {
	simulate(t, func(s *sim) {
		a := s.add(nil)
		s.provide(a, locator(1))
		s.pass(30 * time.Hour)
		b := s.add(nil)
		s.connect(a, b)
		s.holds("a minute after the first peer came", b, locator(1), a)

		s.cut(a, b)
		s.pass(5 * time.Hour)
		s.provide(a, locator(2))
		s.pass(time.Hour)
		c := s.add(nil)
		s.connect(a, c)
		s.holds("a minute after the next peer came", c, locator(2), a)
		s.pass(23 * time.Hour)
		s.holds("a day after the next peer came", c, locator(1), a)
	})
}

// A disk that is full for a while puts announcing off, and ends nothing.
func TestDatastoreThatRefuses(t *testing.T) {
	simulate(t, func(s *sim) {
		var full atomic.Bool
		full.Store(true)
		store := failstore.NewFailstore(dssync.MutexWrap(datastore.NewMapDatastore()), func(op string) error {
			if full.Load() && (op == "put" || op == "delete" || op == "batch-commit") {
				return kad.ErrNoRoom
			}
			return nil
		})
		a := s.add(func(cfg *kad.Config) { cfg.Datastore = store })
		b := s.add(nil)
		s.connect(a, b)
		s.provide(a, locator(1))
		s.holds("refused from the start", b, locator(1))
		full.Store(false)
		s.pass(2 * time.Minute)
		s.holds("room again", b, locator(1), a)

		full.Store(true)
		s.provide(a, locator(2))
		s.holds("refused later", b, locator(2))
		a.Withdraw(locator(1))
		full.Store(false)
		s.pass(2 * time.Minute)
		s.holds("room once more", b, locator(2), a)
		s.pass(50 * time.Hour)
		s.holds("withdrawn while full", b, locator(1))
		full.Store(true)
		a.stop()
	})
}

func TestListedLocators(t *testing.T) {
	simulate(t, func(s *sim) {
		var lists atomic.Pointer[[]int]
		lists.Store(&[]int{1, 2})
		broken := errors.New("broken")
		locators := func(context.Context) iter.Seq2[shard.Locator, error] {
			return func(yield func(shard.Locator, error) bool) {
				if lists.Load() == nil {
					yield(shard.Locator{}, broken)
					return
				}
				for _, i := range *lists.Load() {
					if !yield(locator(i), nil) {
						return
					}
				}
			}
		}
		a, b := s.add(func(cfg *kad.Config) { cfg.Locators = locators }), s.add(nil)
		s.connect(a, b)
		for i := 1; i <= 2; i++ {
			s.holds("listed at the start", b, locator(i), a)
		}
		lists.Store(nil)
		s.pass(22 * time.Hour)
		lists.Store(&[]int{2, 3})
		s.pass(2 * time.Minute)
		s.holds("listed later", b, locator(3), a)
		s.pass(60 * time.Hour)
		s.holds("listed no longer", b, locator(1))
		s.holds("listed always", b, locator(2), a)
	})
}

// TestRestart stops a node in order, and starts it with its datastore.
func TestRestart(t *testing.T) {
	simulate(t, func(s *sim) {
		store := dssync.MutexWrap(datastore.NewMapDatastore())
		keep := func(cfg *kad.Config) { cfg.Datastore = store }
		a, b := s.add(keep), s.add(nil)
		s.connect(a, b)
		s.provide(a, locator(1))
		s.provide(b, locator(2))
		s.holds("before", a, locator(2), b)
		a.stop()
		s.pass(time.Hour)
		again := startOn(s, a.host, keep)
		s.holds("kept", again, locator(2), b)
		s.provide(again, locator(3))
		s.pass(60 * time.Hour)
		s.holds("renewed after the restart", b, locator(1), a)
		s.holds("new after the restart", b, locator(3), a)
	})
}

// TestCrash starts a node with what was on disk while it had something to say.
func TestCrash(t *testing.T) {
	simulate(t, func(s *sim) {
		store := dssync.MutexWrap(datastore.NewMapDatastore())
		a, b := s.add(func(cfg *kad.Config) { cfg.Datastore = store }), s.add(nil)
		s.connect(a, b)
		s.provide(a, locator(1))
		s.cut(a, b)
		s.pass(time.Hour)
		s.provide(a, locator(2))
		disk := duplicate(s, store)
		a.stop()

		c := s.add(nil)
		again := startOn(s, a.host, func(cfg *kad.Config) { cfg.Datastore = disk })
		s.connect(again, c)
		s.holds("after the crash", c, locator(2), a)
	})
}

func duplicate(t testing.TB, store datastore.Batching) datastore.Batching {
	t.Helper()
	results, err := store.Query(t.Context(), query.Query{})
	if err != nil {
		t.Fatal(err)
	}
	rows, err := results.Rest()
	if err != nil {
		t.Fatal(err)
	}
	other := dssync.MutexWrap(datastore.NewMapDatastore())
	for _, row := range rows {
		if err := other.Put(t.Context(), datastore.RawKey(row.Key), row.Value); err != nil {
			t.Fatal(err)
		}
	}
	return other
}

func TestBootstrapBacksOff(t *testing.T) {
	simulate(t, func(s *sim) {
		var rounds atomic.Int32
		a := s.add(func(cfg *kad.Config) {
			cfg.Bootstrap = func() []peer.AddrInfo {
				rounds.Add(1)
				return []peer.AddrInfo{{ID: "nobody"}}
			}
		})
		s.pass(time.Minute)
		first := rounds.Load()
		s.pass(time.Hour)
		if later := rounds.Load() - first; first < 4 || first > 20 || later < 20 || later > 60 {
			s.Errorf("%d rounds in a minute, %d in an hour", first, later)
		}
		if a.Size() != 0 {
			s.Errorf("size %d", a.Size())
		}
	})
}

// TestTwoHalvesMeet joins two meshes that have peers but not each other.
func TestTwoHalvesMeet(t *testing.T) {
	simulate(t, func(s *sim) {
		a, b := s.add(nil), s.add(nil)
		var known atomic.Bool
		c := s.add(func(cfg *kad.Config) {
			cfg.Bootstrap = func() []peer.AddrInfo {
				if !known.Load() {
					return nil
				}
				return []peer.AddrInfo{a.info()}
			}
		})
		d := s.add(nil)
		s.connect(a, b)
		s.connect(c, d)
		s.pass(10 * time.Minute)
		for _, n := range []*node{a, b, c, d} {
			if n.Size() != 1 {
				s.Fatalf("size %d", n.Size())
			}
		}
		known.Store(true)
		s.pass(40 * time.Minute)
		for _, n := range []*node{a, b, c, d} {
			if n.Size() != 3 {
				s.Errorf("size %d", n.Size())
			}
		}
	})
}
