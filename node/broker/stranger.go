package broker

import (
	"net/netip"
	"strconv"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// A broker may lie about where a peer is. Whatever it says, nothing is dialled
// that an honest one could not have seen, and no address so often that it would
// be felt there.

// reserved are the ports below it, where other services listen.
const reserved = 1024

// plausible are those of the addresses of p, as a broker named them, that it may
// have seen: in a narrow realm only when that is how it is reached itself, and a
// port of another service only where p is known to listen there.
func (b *Broker) plausible(via, p peer.ID, named []ma.Multiaddr) []ma.Multiaddr {
	from := b.realm(via)
	var addrs []ma.Multiaddr
	for _, addr := range named[:min(len(named), maxPassed)] {
		unseen := realmOf(addr) >= realmNear && realmOf(addr) > from
		if unseen || portOf(addr) < reserved && !b.known(p, addr) {
			continue
		}
		addrs = append(addrs, addr)
	}
	return addrs
}

func (b *Broker) known(p peer.ID, addr ma.Multiaddr) bool {
	return ma.Contains(b.host.Peerstore().Addrs(p), addr)
}

// bearable leaves out addresses with an IP that was dialled often of late because
// somebody said so.
func (b *Broker) bearable(addrs []ma.Multiaddr) []ma.Multiaddr {
	now, asked := time.Now(), map[netip.Addr]bool{}
	var kept []ma.Multiaddr
	for _, addr := range addrs {
		ip, _ := ipOf(addr)
		take, known := asked[ip]
		if !known {
			take = b.dialled.take(ip.String(), now)
			asked[ip] = take
		}
		if take {
			kept = append(kept, addr)
		}
	}
	return kept
}

// portOf is the port of an address that is dialable.
func portOf(addr ma.Multiaddr) int {
	port, _ := strconv.Atoi(addr[1].Value())
	return port
}

// networkOf is what one household has of a peer's address: the IPv4 address, or 56
// bits of an IPv6 one. Peer ids are free, addresses are not.
func networkOf(addr ma.Multiaddr) string {
	ip, _ := ipOf(addr)
	bits := ip.BitLen()
	if ip.Is6() {
		bits = 56
	}
	prefix, _ := ip.Prefix(bits)
	return prefix.String()
}
