package node

import (
	"context"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// MetricsAddr is the TCP address that serves /metrics.
func (n *Node) MetricsAddr() string { return n.metrics.listener.Addr().String() }

// ReliesOn reports whether gossip watches a peer because files rely on it.
func (n *Node) ReliesOn(p peer.ID) bool { return n.relied.has(p) }

// Kept is the locator of a file of which this node keeps a shard.
func (n *Node) Kept(ctx context.Context) (kept shard.Locator) {
	for kept = range n.store.Locators(ctx) {
		break
	}
	return kept
}

// HostsOf are the hosts that the routing layer finds for a file.
func (n *Node) HostsOf(ctx context.Context, l shard.Locator) []peer.AddrInfo {
	return slices.Collect(n.finder.Find(ctx, l))
}

// KeepsListOf reports whether this node is a keeper of another owner's list of files.
func (n *Node) KeepsListOf(ctx context.Context, owner *Node) bool {
	grant, _, err := shard.NewGrant(owner.seed, owner.seed.CatalogueID(0), owner.cfg.Mesh)
	if err != nil {
		return false
	}
	for l, err := range n.keeper.Locators(ctx) {
		if err == nil && l == grant.Locator.Keepers() {
			return true
		}
	}
	return false
}
