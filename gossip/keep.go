package gossip

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// remember makes a raised incarnation durable before anything of it leaves.
func (g *Gossiper) remember(incarnation uint64, now time.Time) {
	err := g.cfg.Store.Put(Saved{Peer: g.core.self.id, Incarnation: incarnation, Seen: now})
	if err != nil {
		g.log.Error("incarnation was not stored", "incarnation", incarnation, "err", err)
	}
}

// load takes in the members that the store knows, as unknown ones.
func (g *Gossiper) load(now time.Time) error {
	own, err := g.cfg.Store.Get(g.core.self.id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	g.core.self.head.Incarnation = own.Incarnation
	for _, live := range []bool{true, false} {
		for saved, err := range g.cfg.Store.Peers(live) {
			if err != nil {
				return err
			}
			g.core.restore(now, saved)
		}
	}
	g.learn(g.core.events)
	g.core.events = nil
	clear(g.core.dirty)
	clear(g.core.fresh)
	return nil
}

// keep stores what has changed, every few rounds and at the end.
func (g *Gossiper) keep(ctx context.Context) error {
	ticker := time.NewTicker(storeEvery * g.cfg.Options.Interval)
	defer ticker.Stop()
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-ticker.C:
		}
		if err := g.store(); err != nil {
			return fmt.Errorf("gossip: store: %w", err)
		}
		if ended {
			return nil
		}
	}
}

// storeEvery is the intervals after which changes are stored.
const storeEvery = 30

func (g *Gossiper) store() error {
	g.mu.Lock()
	var saved []Saved
	for m := range maps.Keys(g.core.dirty) {
		saved = append(saved, m.saved())
	}
	lost := slices.DeleteFunc(g.core.lost, func(p peer.ID) bool { return g.core.members[p] != nil }) // it is back
	clear(g.core.dirty)
	g.core.lost = nil
	g.mu.Unlock()
	var err error
	if len(saved) > 0 {
		err = g.cfg.Store.Put(saved...)
	}
	for _, p := range lost {
		err = errors.Join(err, g.cfg.Store.Delete(p))
	}
	return err
}
