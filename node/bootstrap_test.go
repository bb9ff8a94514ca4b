package node

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
)

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
