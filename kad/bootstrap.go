package kad

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cenkalti/backoff/v5"
	kbucket "github.com/libp2p/go-libp2p-kbucket"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

// join keeps the node in the mesh until ctx ends: it calls bootstrap peers, with
// growing pauses while the table is empty and now and then while it is not.
func (t *Table) join(ctx context.Context) {
	pause := backoff.NewExponentialBackOff()
	pause.InitialInterval, pause.MaxInterval = bootstrapFirst, bootstrapMax
	for ctx.Err() == nil {
		t.revive(ctx)
		t.call(ctx)
		if !t.await(ctx, pause.NextBackOff()) {
			continue
		}
		t.log.Info("joined the mesh", "peers", t.Size())
		pause.Reset()
		for fresh := true; t.stay(ctx, fresh); fresh = false {
			t.call(ctx)
		}
		if ctx.Err() == nil {
			t.log.Warn("no peers left in the table")
		}
	}
}

// await waits until somebody is in the table, at most for d, and reports
// whether somebody is.
func (t *Table) await(ctx context.Context, d time.Duration) bool {
	for end := time.Now().Add(d); t.Size() == 0 && time.Now().Before(end); {
		if !sleep(ctx, watchEmpty) {
			return false
		}
	}
	return t.Size() > 0
}

// stay waits until it is time to visit bootstrap peers again. It reports false
// when the table is empty or ctx has ended. A fresh one looks around often, near
// and far: of those who join at the same moment as we do, nobody can tell yet.
func (t *Table) stay(ctx context.Context, fresh bool) bool {
	visit := time.Now().Add(rejoinInterval/2 + rand.N(rejoinInterval))
	for wait := settleFirst; time.Now().Before(visit); wait = min(2*wait, 2*settleLast) {
		if !sleep(ctx, min(wait, watchFull)) || t.Size() == 0 {
			return false
		}
		t.revive(ctx)
		if fresh && wait <= settleLast {
			_, _ = t.Closest(ctx, []byte(t.host.ID()))
			_, _ = t.Closest(ctx, fmt.Append(nil, rand.Uint64()))
		}
	}
	return true
}

// revive asks connected servers that are not in the table although it has room
// for them, and takes in those that answer. kad-dht drops a peer for one question
// without an answer, and asks again only when a connection is new or the table
// nearly empty; after a stall on our side that would be all peers at once.
func (t *Table) revive(ctx context.Context) {
	var asking errgroup.Group
	asking.SetLimit(Concurrency)
	for _, p := range t.host.Network().Peers() {
		if t.host.shut.shut(p) || !t.hasRoom(p) || !t.serves(p) {
			continue
		}
		asking.Go(func() error {
			if t.dht.Ping(ctx, p) == nil {
				_, _ = t.dht.RoutingTable().TryAddPeer(p, true, false)
			}
			return nil
		})
	}
	_ = asking.Wait()
}

// hasRoom reports whether p could enter the table without driving a peer out.
func (t *Table) hasRoom(p peer.ID) bool {
	table := t.dht.RoutingTable()
	shared := kbucket.CommonPrefixLen(kbucket.ConvertPeerID(t.host.ID()), kbucket.ConvertPeerID(p))
	return table.NPeersForCpl(uint(shared)) < BucketSize && table.UsefulNewPeer(p)
}

// serves reports whether p said that it is a server of our mesh.
func (t *Table) serves(p peer.ID) bool {
	protos, err := t.host.Peerstore().SupportsProtocols(p, t.proto)
	return err == nil && len(protos) > 0
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
