package node

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"

	"github.com/batchain/batchain/node/broker"
)

// How a node that cannot be dialled looks for relays.
const (
	relaysWanted  = 2
	relayInterval = 10 * time.Second // between two looks for candidates
	relayBackoff  = time.Minute      // after a candidate refused
)

// relaySource gives relay candidates to libp2p once the node knows any.
type relaySource struct {
	find atomic.Pointer[func(ctx context.Context, count int) []peer.AddrInfo]
}

// candidates is libp2p's way of asking.
func (r *relaySource) candidates(ctx context.Context, count int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, count)
	defer close(out)
	if find := r.find.Load(); find != nil {
		for _, info := range head((*find)(ctx, count), count) {
			out <- info
		}
	}
	return out
}

// relayOptions makes a node a relay for others, once others have found that it
// can be dialled, and has it use relays as long as it cannot.
func relayOptions(cfg Config, source *relaySource) []libp2p.Option {
	opts := []libp2p.Option{
		libp2p.EnableRelayService(broker.RelayOptions(cfg.RelayBytes)...),
		libp2p.EnableAutoRelayWithPeerSource(source.candidates, autorelay.WithBootDelay(0), autorelay.WithMinCandidates(1),
			autorelay.WithNumRelays(relaysWanted), autorelay.WithMinInterval(relayInterval), autorelay.WithBackoff(relayBackoff)),
	}
	if cfg.Relay == RelayOn {
		opts = append(opts, libp2p.ForceReachabilityPublic()) // its owner knows that it can be dialled
	}
	return opts
}

// relayCandidates are peers that may be relays: those connected that are, members
// that say so, then those that the routing layer finds near this node.
func (n *Node) relayCandidates(ctx context.Context, count int) []peer.AddrInfo {
	var infos []peer.AddrInfo
	for _, info := range n.finder.connected() {
		speaks, err := n.host.Peerstore().SupportsProtocols(info.ID, proto.ProtoIDv2Hop)
		if err == nil && len(speaks) > 0 {
			infos = append(infos, info)
		}
	}
	infos = unite(infos, n.members.with(roleRelay))
	if len(infos) >= count {
		return infos
	}
	near, _ := n.table.Closest(ctx, []byte(n.ID())) // what it found in time
	return unite(infos, near)
}

// unite appends those of more that are not among infos.
func unite(infos, more []peer.AddrInfo) []peer.AddrInfo {
	for _, info := range more {
		if !slices.ContainsFunc(infos, func(i peer.AddrInfo) bool { return i.ID == info.ID }) {
			infos = append(infos, info)
		}
	}
	return infos
}
