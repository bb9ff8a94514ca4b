package gossip_test

import (
	"context"
	"crypto/ed25519"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/wire"
)

func newHost(t testing.TB, k ed25519.PrivateKey) host.Host {
	t.Helper()
	private, err := crypto.UnmarshalEd25519PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(
		libp2p.Identity(private), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(),
		libp2p.DisableIdentifyAddressDiscovery(), libp2p.DisableMetrics(),
	)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// overLibp2p runs n members on hosts of their own.
func overLibp2p(t testing.TB, n int, options gossip.Options) []*gossip.Gossiper {
	t.Helper()
	hosts := make([]host.Host, n)
	for i := range hosts {
		hosts[i] = newHost(t, key(i))
	}
	return run(t, hosts, options)
}

// run runs a member on each host; all but the first know only that one.
func run(t testing.TB, hosts []host.Host, options gossip.Options) []*gossip.Gossiper {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	t.Cleanup(func() { cancel(); wait.Wait() })
	members := make([]*gossip.Gossiper, len(hosts))
	for i, h := range hosts {
		h.Peerstore().AddAddrs(hosts[0].ID(), hosts[0].Addrs(), time.Hour)
		g, err := gossip.New(gossip.Config{
			Key: key(i), Mesh: "test", Transport: gossip.NewLibp2p(h, "test"), Options: options,
			Seeds: func() []peer.ID { return []peer.ID{hosts[0].ID()} },
		})
		if err != nil {
			t.Fatal(err)
		}
		wait.Go(func() {
			if err := g.Run(ctx); err != nil {
				t.Errorf("Run: %v", err)
			}
		})
		members[i] = g
	}
	return members
}

// eventually asks again and again, for at most a minute.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); {
		if time.Now().After(deadline) {
			t.Fatalf("not %s", what)
		}
		<-time.After(20 * time.Millisecond)
	}
}

// Of what a member says of where it is reached, only what is its own is believed.
func TestAddressesOfOthersAreNotLearnt(t *testing.T) {
	h, some, other := newHost(t, key(0)), id(t, key(1)), id(t, key(2))
	var list [][]byte
	for _, text := range []string{"/ip4/10.0.0.1/tcp/1", "/ip4/10.0.0.2/tcp/1/p2p/" + some.String(), "/ip4/10.0.0.3/tcp/1/p2p/" + other.String(), "/p2p/" + some.String()} {
		list = append(list, ma.StringCast(text).Bytes())
	}
	data, err := wire.Marshal(append(list, []byte{0xff}, nil))
	if err != nil {
		t.Fatal(err)
	}
	gossip.NewLibp2p(h, "test").Learn(some, data)
	if got := h.Peerstore().Addrs(some); len(got) != 2 {
		t.Errorf("%v", got)
	}
	if got := h.Peerstore().Addrs(other); len(got) != 0 {
		t.Errorf("of another: %v", got)
	}
}

func TestOverLibp2p(t *testing.T) {
	members := overLibp2p(t, 4, gossip.Options{Interval: 100 * time.Millisecond})
	if _, err := members[1].Set(t.Context(), "load", []byte("7")); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the value is everywhere", func() bool {
		for _, g := range members {
			if v, ok := g.Get(members[1].Peer(), "load"); !ok || string(v.Data) != "7" {
				return false
			}
		}
		return true
	})
	eventually(t, "everyone lives", func() bool { return (&mesh{members: members}).everyoneKnowsEveryone() })
}
