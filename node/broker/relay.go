package broker

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/client"
	ma "github.com/multiformats/go-multiaddr"
)

// MinRelayed is how many bytes a relay must let a connection carry, in each
// direction, for shards to be sent over it. Relays that nobody gave a budget
// carry 128 KiB, enough to find a direct way.
const MinRelayed = 8 << 20

// relayIn is the relay that an address leads through.
func relayIn(addr ma.Multiaddr) (peer.ID, bool) {
	before, after := ma.SplitFunc(addr, func(c ma.Component) bool { return c.Protocol().Code == ma.P_CIRCUIT })
	if len(after) == 0 {
		return "", false
	}
	id, err := peer.IDFromP2PAddr(before)
	return id, err == nil
}

// relayOf is the relay of a connection, "" if none is known.
func relayOf(c network.Conn) peer.ID {
	for _, addr := range []ma.Multiaddr{c.RemoteMultiaddr(), c.LocalMultiaddr()} {
		if id, ok := relayIn(addr); ok {
			return id
		}
	}
	return ""
}

// relay connects through a relay that the peer names, and asks that relay to be
// the broker.
func (s *steps) relay(ctx context.Context) {
	b := s.b
	for _, addr := range b.host.Peerstore().Addrs(s.p) {
		via, ok := relayIn(addr)
		if !ok || ctx.Err() != nil {
			continue
		}
		err := s.step(Step{Name: StepRelay, Via: via}, func() error {
			dial, cancel := context.WithTimeout(ctx, relayTime)
			defer cancel()
			b.network.Backoff().Clear(s.p)
			return b.host.Connect(network.WithAllowLimitedConn(dial, "broker"), peer.AddrInfo{ID: s.p})
		})
		if err == nil {
			return
		}
	}
}

// bulk reports whether the connections to p may carry shards: a direct one, or
// one whose relay allows enough.
func (b *Broker) bulk(p peer.ID) (direct, ok bool) {
	for _, c := range b.network.ConnsToPeer(p) {
		if !relayed(c) {
			return true, true
		}
		if bytes, limited := c.Stat().Extra[client.StatLimitData].(uint64); !c.Stat().Limited || limited && bytes >= MinRelayed {
			ok = true
		}
	}
	return false, ok
}
