package node

import (
	"context"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// TestAnswered: one configured peer that is there is enough, and none that is
// configured is no reason to complain.
func TestAnswered(t *testing.T) {
	own, there := loopbackHost(t), loopbackHost(t)
	live := peer.AddrInfo{ID: there.ID(), Addrs: there.Addrs()}
	gone := strangers(0, 1)[0]
	gone.Addrs = []ma.Multiaddr{ma.StringCast("/ip4/127.0.0.1/tcp/9")}
	nobody := func() []peer.AddrInfo { return nil }
	for name, c := range map[string]struct {
		configured []peer.AddrInfo
		want       bool
	}{
		"dead": {[]peer.AddrInfo{gone}, false}, "none": {nil, true},
		"one of two": {[]peer.AddrInfo{gone, live}, true}, "itself": {[]peer.AddrInfo{{ID: own.ID()}}, true},
	} {
		b := newBootstrap(c.configured, nobody)
		b.call(t.Context(), own)
		if got := b.answered(t.Context(), own); got != c.want {
			t.Errorf("%s: answered is %v", name, got)
		}
	}
	ended, end := context.WithCancel(t.Context())
	end()
	if b := newBootstrap([]peer.AddrInfo{gone}, nobody); !b.answered(ended, own) {
		t.Error("a node that is told to end complains")
	}
}

// loopbackHost is a libp2p host that ends with the test, no relay and no user of
// one without more.
func loopbackHost(t *testing.T, more ...libp2p.Option) host.Host {
	t.Helper()
	opts := append([]libp2p.Option{libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics()}, more...)
	h, err := libp2p.New(opts...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// TestBootstrapRoundsReachEverybody: each round calls a configured peer, and
// in turn all those met before.
func TestBootstrapRoundsReachEverybody(t *testing.T) {
	for _, c := range []struct{ configured, met, rounds, each int }{
		{1, 30, 10, 4}, {3, 30, 15, 4}, {0, 30, 8, 4}, {6, 0, 2, 4}, {1, 2, 1, 3}, {0, 0, 1, 0}, {6, 1, 6, 4},
	} {
		b := &bootstrap{configured: strangers(0, c.configured), met: func() []peer.AddrInfo { return strangers(100, c.met) }}
		seen := map[peer.ID]bool{}
		for range c.rounds {
			round := b.next()
			if len(round) != c.each {
				t.Errorf("%+v: a round of %d", c, len(round))
			}
			configured := 0
			for _, p := range round {
				seen[p.ID] = true
				if p.ID < "peer 100" {
					configured++
				}
			}
			if c.configured > 0 && configured == 0 {
				t.Errorf("%+v: a round without a configured peer", c)
			}
		}
		if len(seen) != c.configured+c.met {
			t.Errorf("%+v: %d peers were called in %d rounds", c, len(seen), c.rounds)
		}
	}
}
