package gossiptest

import (
	"crypto/ed25519"
	"errors"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
)

// Key returns a key of its own for each number, always the same.
func Key(number uint32) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	for i := range 4 {
		seed[i] = byte(number >> (8 * i))
	}
	return ed25519.NewKeyFromSeed(seed)
}

// Peer returns the peer id of [Key].
func Peer(number uint32) peer.ID {
	id, err := gossip.ID(Key(number).Public().(ed25519.PublicKey))
	if err != nil {
		panic(err) // an Ed25519 key always has an id
	}
	return id
}

// TestStore is the suite that every [gossip.Store] must pass. It asks for a new
// and empty store in each of its tests.
func TestStore(t *testing.T, open func(t *testing.T) gossip.Store) {
	seen := time.Unix(1_800_000_000, 0)
	live := gossip.Saved{Peer: Peer(1), Live: true, Incarnation: 7, Seen: seen, Records: []byte("one")}
	dead := gossip.Saved{Peer: Peer(2), Incarnation: 1 << 52, Seen: seen.Add(time.Hour), Records: []byte("two")}
	bare := gossip.Saved{Peer: Peer(3)}
	t.Run("nothing is there", func(t *testing.T) {
		s := open(t)
		if _, err := s.Get(Peer(1)); !errors.Is(err, gossip.ErrNotFound) {
			t.Errorf("Get: %v, want ErrNotFound", err)
		}
		if err := s.Delete(Peer(1)); err != nil {
			t.Errorf("Delete: %v", err)
		}
		expect(t, s, nil, nil)
	})
	t.Run("what is put is there", func(t *testing.T) {
		s := open(t)
		put(t, s, live, dead, bare)
		for _, want := range []gossip.Saved{live, dead, bare} {
			if got, err := s.Get(want.Peer); err != nil || !same(got, want) {
				t.Errorf("Get: %+v, %v; want %+v", got, err, want)
			}
		}
		expect(t, s, []gossip.Saved{live}, []gossip.Saved{dead, bare})
	})
	t.Run("put replaces and moves", func(t *testing.T) {
		s := open(t)
		put(t, s, live, dead)
		was, is := live, dead
		was.Live, is.Live, is.Records = false, true, nil
		put(t, s, was, is)
		expect(t, s, []gossip.Saved{is}, []gossip.Saved{was})
	})
	t.Run("delete forgets", func(t *testing.T) {
		s := open(t)
		put(t, s, live, dead)
		if err := s.Delete(live.Peer); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Get(live.Peer); !errors.Is(err, gossip.ErrNotFound) {
			t.Errorf("Get: %v, want ErrNotFound", err)
		}
		expect(t, s, nil, []gossip.Saved{dead})
	})
	t.Run("it gives and takes copies", func(t *testing.T) {
		s := open(t)
		mine := live
		mine.Records = []byte("mine")
		put(t, s, mine)
		mine.Records[0] = 'X'
		got, err := s.Get(mine.Peer)
		if err != nil || string(got.Records) != "mine" {
			t.Fatalf("%q, %v", got.Records, err)
		}
		got.Records[0] = 'Y'
		if again, _ := s.Get(mine.Peer); string(again.Records) != "mine" {
			t.Errorf("a change outside came in: %q", again.Records)
		}
	})
	testStoreInUse(t, open)
}

// testStoreInUse is what a store must stand that several use at once.
func testStoreInUse(t *testing.T, open func(t *testing.T) gossip.Store) {
	t.Run("a sequence may be left, and the store used meanwhile", func(t *testing.T) {
		s := open(t)
		put(t, s, gossip.Saved{Peer: Peer(2)}, gossip.Saved{Peer: Peer(3)})
		for saved, err := range s.Peers(false) {
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, gossip.Saved{Peer: Peer(1), Live: true})
			if err := s.Delete(saved.Peer); err != nil {
				t.Fatal(err)
			}
			break
		}
	})
	t.Run("it is safe for concurrent use", func(t *testing.T) {
		s := open(t)
		var wait sync.WaitGroup
		for i := range uint32(8) {
			wait.Go(func() {
				put(t, s, gossip.Saved{Peer: Peer(10 + i), Live: true})
				for range s.Peers(true) {
				}
				_ = s.Delete(Peer(10 + i))
			})
		}
		wait.Wait()
		expect(t, s, nil, nil)
	})
}

func put(t *testing.T, s gossip.Store, members ...gossip.Saved) {
	t.Helper()
	if err := s.Put(members...); err != nil {
		t.Errorf("Put: %v", err)
	}
}

func same(a, b gossip.Saved) bool {
	seen := a.Seen.Equal(b.Seen)
	a.Seen, b.Seen = time.Time{}, time.Time{}
	if len(a.Records) == 0 && len(b.Records) == 0 {
		a.Records, b.Records = nil, nil
	}
	return seen && reflect.DeepEqual(a, b)
}

// expect holds both sequences of a store against what must be in them.
func expect(t *testing.T, s gossip.Store, live, others []gossip.Saved) {
	t.Helper()
	for isLive, want := range map[bool][]gossip.Saved{true: live, false: others} {
		got := map[peer.ID]gossip.Saved{}
		for saved, err := range s.Peers(isLive) {
			if err != nil {
				t.Fatal(err)
			}
			got[saved.Peer] = saved
		}
		if len(got) != len(want) {
			t.Errorf("Peers(%v) yields %d, want %d", isLive, len(got), len(want))
		}
		for _, w := range want {
			if g, there := got[w.Peer]; !there || !same(g, w) {
				t.Errorf("Peers(%v) yields %+v, want %+v", isLive, g, w)
			}
		}
	}
}
