package gossip_test

import (
	"context"
	"crypto/ed25519"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/gossip/gossiptest"
)

// mesh is members of one network, in a synctest bubble.
type mesh struct {
	t       testing.TB
	network *gossiptest.Network
	members []*gossip.Gossiper
	keys    []ed25519.PrivateKey
	stops   []func()
}

func key(i int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1] = byte(i), byte(i>>8)
	return ed25519.NewKeyFromSeed(seed)
}

func id(t testing.TB, k ed25519.PrivateKey) peer.ID {
	t.Helper()
	p, err := gossip.ID(k.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func newMesh(t testing.TB, n int) *mesh {
	m := &mesh{t: t, network: gossiptest.NewNetwork(1)}
	m.network.SetConditions(gossiptest.Conditions{Latency: 2 * time.Millisecond})
	for i := range n {
		m.keys = append(m.keys, key(i))
		m.members = append(m.members, nil)
		m.stops = append(m.stops, nil)
		m.start(i, nil)
	}
	return m
}

// start runs member i, which knows member 0 as a seed.
func (m *mesh) start(i int, store gossip.Store) {
	m.t.Helper()
	p, first := id(m.t, m.keys[i]), id(m.t, m.keys[0])
	g, err := gossip.New(gossip.Config{
		Key: m.keys[i], Mesh: "test", Transport: m.network.Endpoint(p), Store: store,
		Seeds: func() []peer.ID { return []peer.ID{first} },
		Rand:  rand.New(rand.NewPCG(uint64(i), 7)),
	})
	if err != nil {
		m.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := g.Run(ctx); err != nil {
			m.t.Errorf("Run: %v", err)
		}
	})
	m.members[i] = g
	m.stops[i] = func() { cancel(); wait.Wait() }
}

func (m *mesh) stop() {
	for _, stop := range m.stops {
		stop()
	}
}

// until waits in a synctest bubble until what holds.
func until(t testing.TB, limit time.Duration, what string, holds func() bool) time.Duration {
	t.Helper()
	began := time.Now()
	for !holds() {
		if time.Since(began) > limit {
			t.Fatalf("after %v: not %s", limit, what)
		}
		time.Sleep(10 * time.Millisecond)
		synctest.Wait()
	}
	return time.Since(began)
}

func (m *mesh) everyoneKnowsEveryone() bool {
	for _, g := range m.members {
		live := 0
		for _, member := range g.Members() {
			if member.State == gossip.Live {
				live++
			}
		}
		if live != len(m.members) {
			return false
		}
	}
	return true
}

func TestMeshComesTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMesh(t, 8)
		defer m.stop()
		took := until(t, 20*time.Second, "everyone knows everyone", m.everyoneKnowsEveryone)
		t.Logf("joined in %v", took)
		if _, err := m.members[3].Set(t.Context(), "load", []byte("7")); err != nil {
			t.Fatal(err)
		}
		p := m.members[3].Peer()
		took = until(t, 5*time.Second, "the value is everywhere", func() bool {
			for _, g := range m.members {
				if v, ok := g.Get(p, "load"); !ok || string(v.Data) != "7" {
					return false
				}
			}
			return true
		})
		t.Logf("update in %v", took)
		time.Sleep(20 * time.Second)
		m.stops[5]()
		p = m.members[5].Peer()
		took = until(t, 60*time.Second, "the dead one is dead", func() bool {
			for i, g := range m.members {
				if member, _ := g.Member(p); i != 5 && member.State != gossip.Dead {
					return false
				}
			}
			return true
		})
		t.Logf("crash in %v", took)
	})
}
