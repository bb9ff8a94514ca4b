package transfer

import (
	"context"
	"crypto/ed25519"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// How many keepers of a file are told that it is deleted, and how long that takes:
// anybody can announce that he is one.
const (
	maxDismissed = 32
	dismissTime  = 20 * time.Second
)

// dismiss tells the keepers of a file that it is deleted, all at once. One that
// does not hear of it finds no hosts any more, and brings none: they refuse it.
func (e *Engine) dismiss(ctx context.Context, m *shard.Manifest, admin ed25519.PrivateKey) {
	ctx, cancel := context.WithTimeout(ctx, dismissTime)
	defer cancel()
	keepers := e.keepersOf(ctx, m)
	var wait sync.WaitGroup
	for _, p := range keepers[:min(len(keepers), maxDismissed)] {
		wait.Go(func() {
			if _, err := e.deleteAt(ctx, p, m.SignedGrant, admin); err != nil {
				e.log.InfoContext(ctx, "keeper was not dismissed", "peer", p, "err", err)
			}
		})
	}
	wait.Wait()
}

// keepersOf returns the peers that are said to keep a file, but this node.
func (e *Engine) keepersOf(ctx context.Context, m *shard.Manifest) (keepers []peer.ID) {
	seen := map[peer.ID]bool{e.cfg.Host.ID(): true}
	add := func(p peer.ID) {
		if !seen[p] {
			seen[p] = true
			keepers = append(keepers, p)
		}
	}
	if e.cfg.Keepers != nil {
		for _, p := range e.cfg.Keepers(ctx, m) {
			add(p)
		}
		return keepers
	}
	for _, p := range e.announced(ctx, m.Grant.Locator.Keepers()) {
		e.remember(p)
		add(p.ID)
	}
	return keepers
}
