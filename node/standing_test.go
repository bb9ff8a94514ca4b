package node

import (
	"crypto/ed25519"
	"testing"

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
