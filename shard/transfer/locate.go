package transfer

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

const (
	locateTime  = 10 * time.Second
	locateAgain = 30 * time.Second // what was found is good for so long
	orderTime   = 10 * time.Minute // how long an order to one host is good
)

// locate asks the routing layer who announced the file, and every such host,
// and those of the manifest, what it holds: placements are hints only. The
// answers are for every segment, so they are asked once in a while only.
func (g *get) locate(ctx context.Context) {
	select {
	case g.looking <- struct{}{}:
		defer func() { <-g.looking }()
	case <-ctx.Done():
		return
	}
	if !g.looked.IsZero() && time.Since(g.looked) < locateAgain {
		return
	}
	look, cancel := context.WithTimeout(ctx, locateTime)
	defer cancel()
	g.holders.hear(g.ask(look))
	if ctx.Err() == nil {
		g.looked = time.Now()
	}
}

// ask reports whether there were hosts to ask and all of them answered.
func (g *get) ask(ctx context.Context) bool {
	var wait sync.WaitGroup
	var deaf atomic.Int32
	seen := map[peer.ID]bool{g.e.apart(): true}
	ask := func(p peer.AddrInfo) {
		if seen[p.ID] || len(seen) > maxCandidates {
			return
		}
		seen[p.ID] = true
		g.e.remember(p)
		wait.Go(func() {
			if err := g.list(ctx, p.ID); err != nil {
				deaf.Add(1)
				g.e.log.DebugContext(ctx, "host does not list its shards", "peer", p.ID, "err", err)
			}
		})
	}
	for _, p := range g.m.Hosts {
		ask(p)
	}
	for p := range g.e.cfg.Finder.Find(ctx, g.m.Grant.Locator) {
		ask(p)
	}
	wait.Wait()
	return len(seen) > 1 && deaf.Load() == 0
}

// list takes in every shard of the file that p says it holds.
func (g *get) list(ctx context.Context, p peer.ID) error {
	w := g.e.warrant(g.m)
	if err := w.connect(ctx, p); err != nil {
		return err
	}
	return listAll(ctx, w, p, g.m.Count*g.m.Scheme.Shards(), func(rows []shard.Held) { g.holders.add(p, rows, g.m) })
}
