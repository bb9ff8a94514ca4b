package node

import (
	"context"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard/store"
)

// ID returns the node's peer id.
func (n *Node) ID() peer.ID { return n.host.ID() }

// Addrs returns the full multiaddrs, with /p2p/, at which the node can be
// reached as far as it knows.
func (n *Node) Addrs() []string {
	full := make([]string, 0, len(n.host.Addrs()))
	for _, addr := range n.host.Addrs() {
		full = append(full, addr.String()+"/p2p/"+n.ID().String())
	}
	return full
}

// Status tells how the node is, without asking anybody.
func (n *Node) Status(context.Context) (control.Status, error) {
	s := control.Status{
		PeerID: n.ID().String(), Addrs: n.Addrs(), Mesh: n.cfg.Mesh, UptimeS: time.Since(n.started).Seconds(),
		Reachability: n.reachability(), Peers: len(n.host.Network().Peers()), Version: Version(), Members: n.members.count(),
		Reach: n.reach(), Devices: n.devicesSeen(),
	}
	if n.store != nil {
		u := n.store.Usage()
		s.Capacity, s.Used, s.Shards = u.Capacity, u.Used, u.Shards
	}
	return s, nil
}

// reachability is "client", "loopback", or what others have found by dialing
// us: "public", "private", "unknown".
func (n *Node) reachability() string {
	switch {
	case n.cfg.Client:
		return "client"
	case loopbackOnly(n.cfg.Listen):
		return "loopback"
	}
	return strings.ToLower(network.Reachability(n.watcher.reachability.Load()).String())
}

// openStore opens the shards of others, within what the disk allows.
func (n *Node) openStore(ctx context.Context) (*store.Store, error) {
	size, err := disk.Size(string(n.home))
	if err != nil {
		return nil, err
	}
	capacity := n.cfg.Capacity
	if capacity == 0 {
		capacity = size / capacityShare
	}
	return store.Open(ctx, store.Config{
		Dir: n.home.shards(), DB: n.index.DB, Capacity: capacity, PerPeer: n.cfg.PerPeer, PerPrefix: n.cfg.PerNetwork, MinFree: min(minFree, size/20),
		Logger: n.log.With("part", "store"), Registerer: n.registry, Stored: n.stored,
	})
}

// What a host gives when it is not told: a tenth of the disk, and never the
// last GiB (or twentieth of a small disk) that is free.
const (
	capacityShare = 10
	minFree       = 1 << 30 // bytes
)

// Known returns how many peers the routing table holds.
func (n *Node) Known() int { return n.table.Size() }

// Unanswered waits until the nodes of [Config.Bootstrap] were called, 3 s at
// most, and returns their addresses if none of them answered. They are called
// again all the time that nobody is in the routing table. When ctx ends first
// nobody was given the time to answer, and there is nothing to tell.
func (n *Node) Unanswered(ctx context.Context) []string {
	if n.bootstrap.answered(ctx, n.host) || ctx.Err() != nil {
		return nil
	}
	return n.cfg.Bootstrap
}

// Host returns the node's libp2p host, which the node closes.
func (n *Node) Host() host.Host { return n.host }
