package node

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/gossip/gossiptest"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

func TestStandingByState(t *testing.T) {
	for state, want := range map[gossip.State]transfer.Life{
		gossip.Unknown: transfer.Unheard, gossip.Live: transfer.Alive, gossip.Suspect: transfer.Doubtful,
		gossip.Dead: transfer.Gone, gossip.Left: transfer.Gone,
	} {
		if got := lifeOf(state); got != want {
			t.Errorf("%s: %d, want %d", state, got, want)
		}
	}
}

// What a member says counts as far as it can be read.
func TestStandingByWhatIsSaid(t *testing.T) {
	key := ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize))
	id, err := gossip.ID(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gossip.New(gossip.Config{Key: key, Mesh: "test", Transport: gossiptest.NewNetwork(1).Endpoint(id)})
	if err != nil {
		t.Fatal(err)
	}
	m := &membership{gossiper: g}
	if s := m.Standing(someoneID(t)); s != (transfer.Standing{Free: -1}) {
		t.Errorf("of a stranger is known %+v", s)
	}
	say := func(key string, v any) {
		data, err := wire.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Set(t.Context(), key, data); err != nil {
			t.Fatal(err)
		}
	}
	say(roomKey, room{Version: 1, Free: 7, Load: 2})
	say(aboutKey, about{Version: 1, Network: "192.0.2.0/24"})
	if s := m.Standing(id); s != (transfer.Standing{Life: transfer.Alive, Free: 7, Load: 2, Network: "192.0.2.0/24"}) {
		t.Errorf("it says how it is, and is known as %+v", s)
	}
	say(roomKey, "rubbish")
	say(aboutKey, about{Version: 9, Network: "192.0.2.0/24"})
	if s := m.Standing(id); s != (transfer.Standing{Life: transfer.Alive, Free: -1}) {
		t.Errorf("what cannot be read is known as %+v", s)
	}
}

// Members that say they have a role are found by it while they live.
func TestMembersWithARole(t *testing.T) {
	network := gossiptest.NewNetwork(1)
	h, err := libp2p.New(libp2p.NoListenAddrs)
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	relay := gossips(t, network, seedKey(1))
	saysRoles(t, relay, roleRelay)
	m := &membership{gossiper: gossips(t, network, seedKey(2), relay.Peer()), host: h}
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for range m.gossiper.Watch(ctx) {
		if len(m.with(roleRelay)) > 0 {
			break
		}
	}
	if got := m.with(roleRelay); len(got) != 1 || got[0].ID != relay.Peer() {
		t.Errorf("relays %v", got)
	}
	for _, other := range []roles{roleStorage, roleRelay | roleBulkRelay} {
		if got := m.with(other); len(got) != 0 {
			t.Errorf("with roles %b: %v", other, got)
		}
	}
}

func seedKey(n byte) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize))
}

// gossips starts a member that ends with the test.
func gossips(t *testing.T, network *gossiptest.Network, key ed25519.PrivateKey, seeds ...peer.ID) *gossip.Gossiper {
	t.Helper()
	id, err := gossip.ID(key.Public().(ed25519.PublicKey))
	if err != nil {
		t.Fatal(err)
	}
	g, err := gossip.New(gossip.Config{
		Key: key, Mesh: "test", Transport: network.Endpoint(id), Seeds: func() []peer.ID { return seeds },
		Options: gossip.Options{Interval: 10 * time.Millisecond},
	})
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- g.Run(ctx) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	return g
}

// saysRoles has a member say what it does.
func saysRoles(t *testing.T, g *gossip.Gossiper, all roles) {
	t.Helper()
	said, err := wire.Marshal(about{Version: vitalsVersion, Roles: all})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := g.Set(t.Context(), aboutKey, said); err != nil {
		t.Fatal(err)
	}
}
