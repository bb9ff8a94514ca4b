package keeper

import (
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// Whoever announces others as keepers does not take them away from a repair; those
// that keep the file and answer are avoided, known or not.
func TestAnnouncedStrangersAreNotAvoided(t *testing.T) {
	w := newWorld(t, 2)
	n, unknown := w.nodes[w.ids[0]], w.nodes[w.ids[1]]
	s := newSample(t, 1, 1)
	w.entrust(s, n)
	w.entrust(s, unknown)
	var mesh []peer.ID
	for i := range 20 { // good hosts; none of them keeps the file, none has spoken
		_, id := identity(t, 500+i)
		mesh = append(mesh, id)
		w.announce(s.grant.Locator.Keepers(), id)
	}
	n.engine.audit.Health.Margin = 0
	check(t, n.keeper.Round(t.Context()))
	avoided := 0
	for _, p := range mesh {
		if slices.Contains(n.engine.avoided, p) {
			avoided++
		}
	}
	for _, p := range w.ids {
		if !slices.Contains(n.engine.avoided, p) {
			t.Error("a keeper is not avoided")
		}
	}
	if avoided > 0 {
		t.Errorf("%d of 20 hosts that keep nothing may take no shard, by a rumour", avoided)
	}
}

// Whoever announces himself and answers TURN with anything gets no repair key, nor
// does he later.
func TestVolunteerGivesStrangersNoKey(t *testing.T) {
	w := newWorld(t, 2)
	s := newSample(t, 1, 1)
	me, stranger := w.nodes[w.ids[0]], w.nodes[w.ids[1]]
	w.announce(s.grant.Locator.Keepers(), stranger.id) // it knows the locator: a host of the file, say
	stranger.lie = func(shard.Turn) (shard.Turn, error) { return shard.Turn{Checked: w.clock().Unix()}, nil }
	path := t.TempDir() + "/m"
	writeFile(t, path, s.read)
	check(t, me.keeper.Volunteer(t.Context(), path))
	w.ids = w.ids[:1] // nobody is drawn by lot
	for range 8 {
		check(t, me.keeper.Round(t.Context()))
		w.pass(6 * time.Hour)
	}
	if stranger.keeps > 0 {
		t.Errorf("a stranger got the repair key; keeps it: %v", stranger.keepsIt(s))
	}
}
