package keeper

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// goners are said to be gone.
type goners map[peer.ID]bool

func (g goners) Standing(p peer.ID) transfer.Standing {
	if g[p] {
		return transfer.Standing{Life: transfer.Gone, Free: -1}
	}
	return transfer.Standing{Life: transfer.Alive, Free: -1}
}

// counted is a client that counts who was asked for a turn.
type counted struct {
	*node
	mu    *sync.Mutex
	turns map[peer.ID]int
}

func (c counted) Turn(ctx context.Context, p peer.ID, grant, order wire.Signed) (shard.Turn, error) {
	c.mu.Lock()
	c.turns[p]++
	c.mu.Unlock()
	return c.node.Turn(ctx, p, grant, order)
}

// A keeper that is said to be gone, and is, is called twice a day only; when it
// is back it is called at once. One of which that is said wrongly stays.
func TestKeepersThatAreSaidToBeGone(t *testing.T) {
	w := newWorld(t, 3)
	n, dead, slandered := w.nodes[w.ids[0]], w.nodes[w.ids[1]], w.nodes[w.ids[2]]
	for i := range byte(3) {
		w.entrust(newSample(t, i, 1), n, dead, slandered)
	}
	client := counted{n, new(sync.Mutex), map[peer.ID]int{}}
	n.keeper.cfg.Client = client
	n.keeper.cfg.Members = goners{dead.id: true, slandered.id: true}
	n.host.lost = map[peer.ID]bool{dead.id: true}
	for range 8 { // two days
		check(t, n.keeper.Round(t.Context()))
		w.pass(6 * time.Hour)
	}
	if n.host.dials[dead.id] > 5 {
		t.Errorf("the dead one is dialled %d times in two days", n.host.dials[dead.id])
	}
	if client.turns[slandered.id] < 20 {
		t.Errorf("who answers is asked %d times", client.turns[slandered.id])
	}
	for _, c := range n.keeper.all() {
		if e := c.Members.find(slandered.id); e == nil || e.Out || e.Missed != 0 {
			t.Errorf("who answers counts as silent: %+v", e)
		}
		if e := c.Members.find(dead.id); e == nil || !e.Out {
			t.Errorf("the dead one is not given up after two days: %+v", e)
		}
	}
}

// The silence of one that came back begins anew.
func TestSilenceEndsWithTheReturn(t *testing.T) {
	w := newWorld(t, 2)
	n, other := w.nodes[w.ids[0]], w.nodes[w.ids[1]]
	w.entrust(newSample(t, 1, 1), n, other)
	members := goners{other.id: true}
	n.keeper.cfg.Members = members
	n.host.lost = map[peer.ID]bool{other.id: true}
	for range 4 {
		check(t, n.keeper.Round(t.Context()))
		w.pass(5 * time.Hour)
	}
	members[other.id] = false
	n.keeper.Returned(other.id)
	w.pass(5 * time.Hour) // since the first silence it is more than a day
	check(t, n.keeper.Round(t.Context()))
	for _, c := range n.keeper.all() {
		if e := c.Members.find(other.id); e == nil || e.Out {
			t.Errorf("it is given up although it came back: %+v", e)
		}
	}
}
