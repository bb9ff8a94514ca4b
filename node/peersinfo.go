package node

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// How peers are asked how they are.
const (
	askAtOnce = 16
	askTime   = 2 * time.Second // for all of them
)

// Peers lists the peers that the node is connected to and those it has met,
// the connected first. Each connected one is asked for a sign of life and for
// its free space, which takes 2 s at most.
func (n *Node) Peers(ctx context.Context) ([]control.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	connected := n.host.Network().Peers()
	slices.Sort(connected)
	list := make([]control.Peer, len(connected))
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	for i, id := range connected {
		group.Go(func() error {
			list[i] = n.describePeer(ctx, id)
			return nil
		})
	}
	_ = group.Wait()
	for _, met := range n.cache.Addrs() {
		if !slices.Contains(connected, met.ID) {
			list = append(list, n.pathTo(met.ID))
		}
	}
	return list, nil
}

// describePeer asks one connected peer.
func (n *Node) describePeer(ctx context.Context, id peer.ID) control.Peer {
	p := n.pathTo(id)
	if agent, err := n.host.Peerstore().Get(id, "AgentVersion"); err == nil {
		p.Agent, _ = agent.(string)
	}
	rtt, ok := <-ping.Ping(ctx, n.host, id)
	if !ok || rtt.Error != nil {
		return p
	}
	p.State, p.RTTms = "live", float64(rtt.RTT.Microseconds())/1000
	if !n.finder.keepsNothing(id) {
		if answer, err := n.client.Ask(ctx, id, 0, shard.LeaseDefault); err == nil {
			p.Free = answer.Free
		}
	}
	return p
}
