package keeper

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// mute is a client whose peers say nothing.
type mute struct{ *node }

func (mute) Turn(ctx context.Context, _ peer.ID, _, _ wire.Signed) (shard.Turn, error) {
	<-ctx.Done()
	return shard.Turn{}, context.Cause(ctx)
}

// Keepers that say nothing cost their time once a round, not once a file.
func TestSilentPeersCostTheirTimeOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, 3)
		n := w.nodes[w.ids[0]]
		for i := range byte(10) {
			w.entrust(newSample(t, i, 1), n, w.nodes[w.ids[1]], w.nodes[w.ids[2]])
		}
		n.keeper.cfg.Client = mute{n}
		for range 2 {
			began := time.Now()
			check(t, n.keeper.Round(t.Context()))
			if took := time.Since(began); took != askTime {
				t.Errorf("a round of ten files took %s, want %s", took, askTime)
			}
			w.pass(6 * time.Hour)
		}
	})
}
