package broker

import (
	"context"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// reaching is a host that reaches peers by way of the broker.
type reaching struct {
	host.Host
	b *Broker
}

// Host returns the broker's host, whose Connect and NewStream reach peers that
// cannot be dialled, and this node itself. Both fail with [ErrRelayOnly] where only a relay that carries
// no bulk leads to the peer.
func (b *Broker) Host() host.Host { return &reaching{b.host, b} }

// Connect sees to a connection that carries bulk bytes.
func (h *reaching) Connect(ctx context.Context, to peer.AddrInfo) error {
	if to.ID == h.ID() {
		return nil
	}
	h.Peerstore().AddAddrs(to.ID, to.Addrs, peerstore.TempAddrTTL)
	if err := h.b.Reach(ctx, to.ID); err != nil {
		return err
	}
	if direct, _ := h.b.bulk(to.ID); direct {
		return h.Host.Connect(ctx, to) // which waits until the peer has said what it speaks
	}
	return h.relayed(to.ID)
}

// NewStream opens a stream over the best connection there is or can be made.
func (h *reaching) NewStream(ctx context.Context, p peer.ID, ids ...protocol.ID) (network.Stream, error) {
	if p == h.ID() {
		o, err := h.b.withOneself()
		if err != nil {
			return nil, err
		}
		return o.open(ctx, ids)
	}
	if no, _ := network.GetNoDial(ctx); no {
		return h.Host.NewStream(ctx, p, ids...)
	}
	if h.b.due(p, ids) {
		if err := h.b.Reach(ctx, p); err != nil {
			return nil, err
		}
	}
	if direct, _ := h.b.bulk(p); !direct {
		if err := h.relayed(p); err != nil {
			return nil, err
		}
		ctx = network.WithAllowLimitedConn(ctx, "broker")
	}
	return h.Host.NewStream(ctx, p, ids...)
}

// relayed says whether a peer without a direct connection may be sent shards. A
// direct one may have come or gone in the meantime.
func (h *reaching) relayed(p peer.ID) error {
	if _, ok := h.b.bulk(p); ok {
		return nil
	}
	if len(h.b.network.ConnsToPeer(p)) == 0 {
		return ErrUnreachable
	}
	return ErrRelayOnly
}
