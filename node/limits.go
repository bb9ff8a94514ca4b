package node

import (
	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	rcmgr "github.com/libp2p/go-libp2p/p2p/host/resource-manager"
	"github.com/libp2p/go-libp2p/x/rate"

	"github.com/batchain/batchain/shard/exchange"
)

// What libp2p's resource manager is told beside its defaults, which scale with
// the machine's memory. The defaults allow 8 connections from one IPv4 address
// and 75 streams of one peer: an office behind one NAT needs more of the
// first, an upload to few hosts more of the second.
const (
	connsPerAddress   = 1000 // IPv4 address, or IPv6 /56
	connsInTotal      = 1024 // inbound
	connsBeingOpened  = 512  // inbound, not yet through the handshake
	streamsOfPeer     = 512  // inbound, of our shard protocol
	streamsToPeer     = 1024 // outbound, of our shard protocol
	streamsOfProtocol = 4096 // in each direction, of our shard protocol
	protocolMemory    = 1 << 30
	peerMemory        = 256 << 20
)

// newLimits makes the resource manager, with room for the protocols of a mesh.
func newLimits(mesh string) (network.ResourceManager, error) {
	defaults := rcmgr.DefaultLimits
	libp2p.SetDefaultServiceLimits(&defaults)
	ours := rcmgr.PartialLimitConfig{
		System: rcmgr.ResourceLimits{
			Conns: 2 * connsInTotal, ConnsInbound: connsInTotal, ConnsOutbound: 2 * connsInTotal,
			Streams: 4 * streamsOfProtocol, StreamsInbound: 2 * streamsOfProtocol, StreamsOutbound: 4 * streamsOfProtocol,
		},
		Transient: rcmgr.ResourceLimits{
			Conns: 2 * connsBeingOpened, ConnsInbound: connsBeingOpened, ConnsOutbound: connsBeingOpened,
			Streams: 2 * streamsOfPeer, StreamsInbound: streamsOfPeer, StreamsOutbound: streamsToPeer,
		},
		PeerDefault: rcmgr.ResourceLimits{
			Streams: 2 * streamsToPeer, StreamsInbound: streamsToPeer, StreamsOutbound: 2 * streamsToPeer,
			Memory: peerMemory,
		},
		Protocol: map[protocol.ID]rcmgr.ResourceLimits{
			exchange.ProtocolID(mesh): {
				Streams: 2 * streamsOfProtocol, StreamsInbound: streamsOfProtocol, StreamsOutbound: streamsOfProtocol,
				Memory: protocolMemory,
			},
		},
		ProtocolPeer: map[protocol.ID]rcmgr.ResourceLimits{
			exchange.ProtocolID(mesh): {
				Streams: 2 * streamsToPeer, StreamsInbound: streamsOfPeer, StreamsOutbound: streamsToPeer,
				Memory: peerMemory,
			},
		},
	}
	return rcmgr.NewResourceManager(
		rcmgr.NewFixedLimiter(ours.Build(defaults.AutoScale())),
		rcmgr.WithLimitPerSubnet(
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 32, ConnCount: connsPerAddress}},
			[]rcmgr.ConnLimitPerSubnet{{PrefixLength: 56, ConnCount: connsPerAddress}}),
		rcmgr.WithConnRateLimiters(&rate.Limiter{}),
	)
}
