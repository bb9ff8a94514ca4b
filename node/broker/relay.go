package broker

import (
	"context"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
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

// relay connects through a relay that the peer names; one with a budget if there
// is one. Each has been asked to be the broker before.
func (s *steps) relay(ctx context.Context) {
	b := s.b
	ways := map[peer.ID][]ma.Multiaddr{}
	for _, addr := range b.host.Peerstore().Addrs(s.p) {
		if via, ok := relayIn(addr); ok && via != b.host.ID() {
			ways[via] = append(ways[via], addr)
		}
	}
	for via, addrs := range ways {
		if _, enough := b.bulk(s.p); enough || ctx.Err() != nil {
			return
		}
		_ = s.step(Step{Name: StepRelay, Via: via}, func() error { return b.dialRelay(ctx, s.p, addrs) })
	}
}

// dialRelay dials one relay's addresses of a peer and no others. A connection
// through another relay, which carries too little, gives way.
func (b *Broker) dialRelay(ctx context.Context, p peer.ID, addrs []ma.Multiaddr) error {
	ctx, cancel := context.WithTimeout(ctx, relayTime)
	defer cancel()
	for _, c := range b.network.ConnsToPeer(p) {
		if relayed(c) {
			_ = c.Close()
		}
	}
	store := b.host.Peerstore()
	all := store.Addrs(p)
	store.ClearAddrs(p)
	defer store.AddAddrs(p, all, peerstore.TempAddrTTL)
	b.network.Backoff().Clear(p)
	return b.host.Connect(network.WithAllowLimitedConn(ctx, "broker"), peer.AddrInfo{ID: p, Addrs: addrs})
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
