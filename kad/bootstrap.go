package kad

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/libp2p/go-libp2p/core/peer"
)

// join calls bootstrap peers until ctx ends: with growing pauses while the
// table is empty, now and then while it is not.
func (t *Table) join(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = bootstrapFirst, bootstrapMax
	for joined := false; ; {
		if t.Size() == 0 || joined {
			t.call(ctx)
		}
		if !sleep(ctx, pause.NextBackOff()) {
			return
		}
		if joined = t.Size() > 0; !joined {
			continue
		}
		t.log.Info("joined the mesh", "peers", t.Size())
		pause.Reset()
		if !t.stay(ctx) {
			return
		}
		if joined = t.Size() > 0; !joined {
			t.log.Warn("no peers left in the table")
		}
	}
}

// stay waits until the table is empty or it is time to visit bootstrap peers
// again, and reports whether ctx is still alive.
func (t *Table) stay(ctx context.Context) bool {
	visit := time.Now().Add(rejoinInterval/2 + rand.N(rejoinInterval))
	for t.Size() > 0 && time.Now().Before(visit) {
		if !sleep(ctx, watchFull) {
			return false
		}
	}
	return true
}

// call dials a few bootstrap peers at once. Those that answer enter the table
// by themselves, if they are servers of this mesh.
func (t *Table) call(ctx context.Context) {
	if t.bootstrap == nil {
		return
	}
	peers := slices.DeleteFunc(slices.Clone(t.bootstrap()), func(p peer.AddrInfo) bool { return p.ID == t.host.ID() })
	rand.Shuffle(len(peers), func(i, j int) { peers[i], peers[j] = peers[j], peers[i] })
	peers = peers[:min(len(peers), bootstrapPeers)]
	ctx, cancel := context.WithTimeout(ctx, bootstrapTimeout)
	defer cancel()
	var wg sync.WaitGroup
	var answered atomic.Int32
	for _, p := range peers {
		wg.Go(func() {
			if err := t.host.Host.Connect(ctx, p); err != nil {
				t.log.Debug("bootstrap peer not reached", "peer", p.ID, "err", err)
				return
			}
			answered.Add(1)
		})
	}
	wg.Wait()
	if len(peers) > 0 && answered.Load() == 0 && ctx.Err() == nil {
		t.log.Info("no bootstrap peer answered", slog.Int("called", len(peers)))
	}
}

// sleep waits for d and reports whether ctx is still alive.
func sleep(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
		return false
	}
}
