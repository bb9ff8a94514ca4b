package node

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/host/autorelay"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/node/broker"
)

// How a node that cannot be dialled looks for relays.
const (
	relayInterval = 10 * time.Second // between two looks for candidates
	relayBackoff  = time.Minute      // after a candidate refused
	relayFindTime = 4 * time.Second  // for the addresses of candidates
)

// relaySource gives relay candidates to libp2p once the node knows any, and what
// the node carries as a relay itself.
type relaySource struct {
	budget *broker.Budget
	find   atomic.Pointer[func(ctx context.Context) []peer.AddrInfo]
}

// candidates is libp2p's way of asking, one at a time.
func (r *relaySource) candidates(ctx context.Context, count int) <-chan peer.AddrInfo {
	out := make(chan peer.AddrInfo, count)
	defer close(out)
	if find := r.find.Load(); find != nil {
		for _, info := range head((*find)(ctx), count) {
			out <- info
		}
	}
	return out
}

// relayOptions makes a node a relay for others, once others have found that it
// can be dialled, and has it use relays as long as it cannot.
func relayOptions(cfg Config, source *relaySource, reg prometheus.Registerer) []libp2p.Option {
	opts := []libp2p.Option{
		libp2p.EnableRelayService(broker.RelayOptions(source.budget, reg)...),
		libp2p.EnableAutoRelayWithPeerSource(source.candidates, autorelay.WithBootDelay(0), autorelay.WithMinCandidates(1),
			autorelay.WithNumRelays(relaysAtMost), autorelay.WithMinInterval(relayInterval), autorelay.WithBackoff(relayBackoff)),
	}
	if cfg.Relay == RelayOn {
		opts = append(opts, libp2p.ForceReachabilityPublic()) // its owner knows that it can be dialled
	}
	return opts
}

// relayRoles are what this node does as a relay.
func (n *Node) relayRoles() roles {
	switch {
	case loopbackOnly(n.cfg.Listen) || !slices.Contains(n.host.Mux().Protocols(), proto.ProtoIDv2Hop):
		return 0
	case n.cfg.RelayBytes < broker.MinRelayed:
		return roleRelay
	}
	return roleRelay | roleBulkRelay
}

// newRelayFinder returns what chooses this node's relays; see [relayChoice].
func (n *Node) newRelayFinder() func(ctx context.Context) []peer.AddrInfo {
	choice := relayChoice{given: map[peer.ID]trial{}}
	return func(ctx context.Context) []peer.AddrInfo {
		used := relaysOf(n.host.Addrs())
		if len(used) >= relaysAtMost {
			return nil
		}
		budgeted, others := n.knownRelays()
		if len(budgeted)+len(others) < relaysAtMost {
			near, _ := n.table.Closest(ctx, []byte(n.ID())) // it connects to those that it asks
			if budgeted, others = n.knownRelays(); len(budgeted)+len(others) == 0 {
				return near
			}
		}
		return n.located(ctx, choice.choose(budgeted, others, used, time.Now()))
	}
}

// knownRelays are the peers that are relays or say so, connected ones first: those
// whose owners gave a budget, as they say, and the others.
func (n *Node) knownRelays() (budgeted, others []peer.AddrInfo) {
	var all []peer.AddrInfo
	for _, info := range n.finder.connected() {
		speaks, err := n.host.Peerstore().SupportsProtocols(info.ID, proto.ProtoIDv2Hop)
		if err == nil && len(speaks) > 0 {
			all = append(all, info)
		}
	}
	all = unite(all, n.members.with(roleRelay))
	said := map[peer.ID]bool{}
	for _, info := range n.members.with(roleRelay | roleBulkRelay) {
		said[info.ID] = true
	}
	for _, info := range all {
		if said[info.ID] {
			budgeted = append(budgeted, info)
		} else {
			others = append(others, info)
		}
	}
	return budgeted, others
}

// located adds the addresses of members that this node has never met.
func (n *Node) located(ctx context.Context, infos []peer.AddrInfo) []peer.AddrInfo {
	ctx, cancel := context.WithTimeout(ctx, relayFindTime)
	defer cancel()
	var wg sync.WaitGroup
	for i := range infos {
		if len(infos[i].Addrs) == 0 {
			wg.Go(func() {
				if found, err := n.finder.FindPeer(ctx, infos[i].ID); err == nil {
					infos[i] = found
				}
			})
		}
	}
	wg.Wait()
	return infos
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
