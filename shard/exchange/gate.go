package exchange

import (
	"net/netip"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/wire"
)

// gate counts what goes on at once: in all, for each peer and for each network
// prefix. The zero prefix is not counted.
type gate struct {
	total, perPeer, perPrefix int
	peerBytes                 int64 // 0: not counted

	mu       sync.Mutex
	inside   int
	peers    map[peer.ID]load
	prefixes map[netip.Prefix]int
}

type load struct {
	count int
	bytes int64
}

// enter lets one more in, or returns [wire.ErrBusy]. The caller must leave
// with the same arguments. A peer that has nothing under way may always bring
// one transfer of any length.
func (g *gate) enter(p peer.ID, from netip.Prefix, bytes int64) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := g.peers[p]
	switch {
	case g.inside >= g.total:
		return wire.ErrBusy.With("all %d places are taken", g.total)
	case now.count >= g.perPeer:
		return wire.ErrBusy.With("%d are under way for this peer", now.count)
	case g.peerBytes > 0 && now.count > 0 && now.bytes+bytes > g.peerBytes:
		return wire.ErrBusy.With("%d bytes are under way for this peer", now.bytes)
	case from.IsValid() && g.prefixes[from] >= g.perPrefix:
		return wire.ErrBusy.With("%d are under way for this network", g.perPrefix)
	}
	if g.peers == nil {
		g.peers, g.prefixes = map[peer.ID]load{}, map[netip.Prefix]int{}
	}
	g.inside++
	g.peers[p] = load{now.count + 1, now.bytes + bytes}
	if from.IsValid() {
		g.prefixes[from]++
	}
	return nil
}

func (g *gate) leave(p peer.ID, from netip.Prefix, bytes int64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.inside--
	now := g.peers[p]
	if now.count == 1 {
		delete(g.peers, p)
	} else {
		g.peers[p] = load{now.count - 1, now.bytes - bytes}
	}
	if !from.IsValid() {
		return
	}
	g.prefixes[from]--
	if g.prefixes[from] == 0 {
		delete(g.prefixes, from)
	}
}

// prefixOf returns the network that an address counts for: the /24 of IPv4,
// the /48 of IPv6, of the relay where there is one. It is the zero Prefix for
// loopback and for what has no IP.
func prefixOf(addr ma.Multiaddr) netip.Prefix {
	raw, err := manet.ToIP(addr)
	if err != nil {
		return netip.Prefix{}
	}
	ip, ok := netip.AddrFromSlice(raw)
	ip = ip.Unmap()
	if !ok || ip.IsLoopback() {
		return netip.Prefix{}
	}
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return netip.Prefix{}
	}
	return prefix
}
