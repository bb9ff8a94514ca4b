package gossip

import (
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// In a mesh that is too large to be watched, the important ones are: they are
// found, they keep their places, their deaths are noticed, and whoever is no more
// important gives its place up.
func TestImportantAreWatched(t *testing.T) {
	n, hood := 60, 12
	s := newSim(t, n, 1, Options{Neighbourhood: hood})
	owner := s.nodes[0]
	hosts := s.nodes[20:28]
	important := func(p peer.ID) bool {
		return slices.ContainsFunc(hosts, func(h *simNode) bool { return h.self.id == p })
	}
	owner.important = important
	took := s.until(5*time.Minute, "all the important ones live", func() bool {
		return !slices.ContainsFunc(hosts, func(h *simNode) bool { return owner.state(h) != Live })
	})
	t.Logf("found after %v", took)
	s.run(time.Minute)
	for _, h := range hosts {
		if owner.state(h) != Live {
			t.Errorf("node %d is %s a minute later", h.index, owner.state(h))
		}
	}
	if got := len(owner.members); got > 1+len(hosts)+hood*5/4 {
		t.Errorf("%d members are watched", got)
	}
	gone := hosts[3]
	gone.crash()
	took = s.until(2*time.Minute, "the death of an important one is known", func() bool { return owner.state(gone) == Dead })
	t.Logf("death known after %v", took)
	owner.important = func(peer.ID) bool { return false }
	s.run(30 * time.Second)
	if got := len(owner.members); got > 1+hood*5/4 {
		t.Errorf("%d members are watched when nobody is important", got)
	}
}
