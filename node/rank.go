package node

import (
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
)

// When an address is dialed, after the first. TCP with TLS moves a GiB for a
// third of the processor time that QUIC takes, so QUIC gets its turn only where
// TCP has not answered; libp2p's own order is the other way round.
const (
	quicDelay  = 300 * time.Millisecond
	otherDelay = 600 * time.Millisecond // browsers' transports
	relayDelay = time.Second
)

// rankAddrs says how long to wait before each address of a peer is dialed.
// Without any TCP address the others do not wait for one.
func rankAddrs(addrs []ma.Multiaddr) []network.AddrDelay {
	ranked := make([]network.AddrDelay, len(addrs))
	least := relayDelay
	for i, addr := range addrs {
		ranked[i] = network.AddrDelay{Addr: addr, Delay: addrDelay(addr)}
		least = min(least, ranked[i].Delay)
	}
	for i := range ranked {
		ranked[i].Delay -= least
	}
	return ranked
}

func addrDelay(addr ma.Multiaddr) time.Duration {
	delay := otherDelay
	for _, c := range addr {
		switch c.Protocol().Code {
		case ma.P_CIRCUIT:
			return relayDelay
		case ma.P_WS, ma.P_WSS, ma.P_WEBTRANSPORT, ma.P_WEBRTC_DIRECT, ma.P_WEBRTC:
			return otherDelay
		case ma.P_TCP:
			delay = 0
		case ma.P_QUIC_V1:
			delay = quicDelay
		}
	}
	return delay
}

// isCircuit tells whether an address leads through a relay.
func isCircuit(addr ma.Multiaddr) bool {
	for _, c := range addr {
		if c.Protocol().Code == ma.P_CIRCUIT {
			return true
		}
	}
	return false
}
