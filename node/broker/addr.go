package broker

import (
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"
)

// dialable reports whether addr is /ip4 or /ip6, then /tcp/PORT or
// /udp/PORT/quic-v1, with an IP that can be somebody's.
func dialable(addr ma.Multiaddr) bool {
	ip, ok := ipOf(addr)
	if !ok || ip.IsUnspecified() || ip.IsMulticast() || len(addr) < 2 || addr[1].Value() == "0" {
		return false
	}
	switch addr[1].Protocol().Code {
	case ma.P_TCP:
		return len(addr) == 2
	case ma.P_UDP:
		return len(addr) == 3 && addr[2].Protocol().Code == ma.P_QUIC_V1
	}
	return false
}

// ipOf is the IP that an address begins with.
func ipOf(addr ma.Multiaddr) (netip.Addr, bool) {
	if len(addr) == 0 {
		return netip.Addr{}, false
	}
	switch addr[0].Protocol().Code {
	case ma.P_IP4, ma.P_IP6:
		ip, ok := netip.AddrFromSlice(addr[0].RawValue())
		return ip.Unmap(), ok
	}
	return netip.Addr{}, false
}

func isQUIC(addr ma.Multiaddr) bool {
	_, err := addr.ValueForProtocol(ma.P_QUIC_V1)
	return err == nil
}

func isTCP(addr ma.Multiaddr) bool {
	_, err := addr.ValueForProtocol(ma.P_TCP)
	return err == nil
}

// isCircuit tells whether an address leads through a relay.
func isCircuit(addr ma.Multiaddr) bool {
	_, err := addr.ValueForProtocol(ma.P_CIRCUIT)
	return err == nil
}

// relayed reports whether a connection leads through a relay.
func relayed(c network.Conn) bool {
	return c.Stat().Limited || isCircuit(c.RemoteMultiaddr()) || isCircuit(c.LocalMultiaddr())
}

// passable are the addresses of a peer that may be passed on: where its direct
// connections come from, and those of its claims that have the same IP; QUIC
// first, since it is what passes NATs.
func passable(conns []network.Conn, claims []ma.Multiaddr) []ma.Multiaddr {
	seen := map[netip.Addr]bool{}
	var addrs []ma.Multiaddr
	for _, c := range conns {
		if ip, ok := ipOf(c.RemoteMultiaddr()); ok && !relayed(c) {
			seen[ip] = true
			if dialable(c.RemoteMultiaddr()) {
				addrs = append(addrs, c.RemoteMultiaddr())
			}
		}
	}
	for _, addr := range claims {
		if ip, ok := ipOf(addr); ok && seen[ip] {
			addrs = append(addrs, addr)
		}
	}
	return best(addrs, maxPassed)
}

// best returns up to n different addresses, QUIC and TCP in turn, QUIC first.
func best(addrs []ma.Multiaddr, n int) []ma.Multiaddr {
	var quic, tcp, chosen []ma.Multiaddr
	for _, addr := range ma.Unique(slices.Clone(addrs)) {
		if isQUIC(addr) {
			quic = append(quic, addr)
		} else {
			tcp = append(tcp, addr)
		}
	}
	for i := range max(len(quic), len(tcp)) {
		chosen = append(chosen, quic[min(i, len(quic)):min(i+1, len(quic))]...)
		chosen = append(chosen, tcp[min(i, len(tcp)):min(i+1, len(tcp))]...)
	}
	return chosen[:min(n, len(chosen))]
}

// public reports whether others may dial an address over the Internet.
func public(addr ma.Multiaddr) bool { return manet.IsPublicAddr(addr) }

// realm is one of the networks that a node is in at the same time. It has another
// address in each.
type realm int

// The realms, the widest first.
const (
	realmIPv4    realm = iota // the Internet
	realmIPv6                 // the same
	realmNear                 // a home, an office, what a carrier keeps to itself
	realmMachine              // this machine
)

func realmOf(addr ma.Multiaddr) realm {
	ip, _ := ipOf(addr)
	switch {
	case ip.IsLoopback():
		return realmMachine
	case !public(addr):
		return realmNear
	case ip.Is4():
		return realmIPv4
	}
	return realmIPv6
}

// realm is the widest in which there is a direct connection to a peer.
func (b *Broker) realm(p peer.ID) realm {
	var realms []realm
	for _, c := range b.direct(p) {
		realms = append(realms, realmOf(c.RemoteMultiaddr()))
	}
	if len(realms) == 0 {
		return realmIPv4
	}
	return slices.Min(realms)
}

func loopback(addr ma.Multiaddr) bool {
	ip, ok := ipOf(addr)
	return ok && ip.IsLoopback()
}
