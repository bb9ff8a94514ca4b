package node

import (
	"context"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/shard"
)

// How peers are asked how they are.
const (
	askAtOnce = 16
	askTime   = 2 * time.Second // for all of them
)

// Peers lists the peers that the node is connected to, then the members of the
// mesh that it hears of, then those it has met. Each connected one is asked for
// a sign of life and for its free space, which takes 2 s at most.
func (n *Node) Peers(ctx context.Context) ([]control.Peer, error) {
	ctx, cancel := context.WithTimeout(ctx, askTime)
	defer cancel()
	ids := n.host.Network().Peers()
	slices.Sort(ids)
	connected := len(ids)
	add := func(id peer.ID) {
		if id != n.ID() && !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	for _, m := range n.members.gossiper.Members() {
		add(m.Peer)
	}
	for _, met := range n.cache.Addrs() {
		add(met.ID)
	}
	list := make([]control.Peer, len(ids))
	var group errgroup.Group
	group.SetLimit(askAtOnce)
	for i, id := range ids {
		list[i] = n.describeMember(id)
		if i < connected {
			group.Go(func() error {
				n.askPeer(ctx, id, &list[i])
				return nil
			})
		}
	}
	_ = group.Wait()
	return list, nil
}

// describeMember tells what is known of a peer without asking it.
func (n *Node) describeMember(id peer.ID) control.Peer {
	p := n.pathTo(id)
	p.AgeS = -1
	if agent, err := n.host.Peerstore().Get(id, "AgentVersion"); err == nil {
		p.Agent, _ = agent.(string)
	}
	m, ok := n.members.gossiper.Member(id)
	if !ok {
		return p
	}
	p.State, p.Phi, p.AgeS = m.State.String(), m.Phi, m.Age.Seconds()
	if r, err := parseRoom(m.Values[roomKey].Data); err == nil {
		p.Free = r.Free
	}
	if a, err := parseAbout(m.Values[aboutKey].Data); err == nil {
		p.Agent = a.Agent
	}
	return p
}

// askPeer asks one connected peer. Of whom gossip knows nothing, an answer
// tells that it lives.
func (n *Node) askPeer(ctx context.Context, id peer.ID, p *control.Peer) {
	rtt, ok := <-ping.Ping(ctx, n.host, id)
	if !ok || rtt.Error != nil {
		return
	}
	p.RTTms = float64(rtt.RTT.Microseconds()) / 1000
	if p.State == gossip.Unknown.String() {
		p.State = gossip.Live.String()
	}
	if !n.finder.keepsNothing(id) {
		if answer, err := n.client.Ask(ctx, id, 0, shard.LeaseDefault); err == nil {
			p.Free = answer.Free
		}
	}
}
