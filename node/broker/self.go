package broker

import (
	"context"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// self is what a node knows of its own addresses. Everybody dials over TCP, so
// nobody sees our UDP port, which is what has to be dialled through a NAT; hence
// we ask, over a QUIC connection that is made for it.
type self struct {
	b      *Broker
	asking chan struct{} // holds one token while somebody asks; others then find it fresh

	mu   sync.Mutex
	seen []sighting // the latest last
}

func newSelf(b *Broker) *self { return &self{b: b, asking: make(chan struct{}, 1)} }

// place is where this node may be dialled, as far as it knows, the likeliest
// first: how via sees its QUIC socket, ports that a gate maps, what it listens at.
func (s *self) place(ctx context.Context, via peer.ID) place {
	seen := s.look(ctx, via)
	claims, open := s.mapped(seen)
	if seen != nil {
		claims = append([]ma.Multiaddr{seen}, claims...)
	}
	for _, addr := range s.b.host.Addrs() {
		if dialable(addr) {
			claims = append(claims, addr)
		}
	}
	if seen != nil {
		claims = append(claims, s.guesses(seen)...)
	}
	return place{best(claims, maxClaims), open || s.outside(seen)}
}

// mapped are the addresses that a gate maps to ours, and whether they can be
// dialled: not behind a second NAT, where others see us under another IP.
func (s *self) mapped(seen ma.Multiaddr) (addrs []ma.Multiaddr, open bool) {
	if s.b.cfg.Mapping == nil {
		return nil, false
	}
	for _, addr := range s.b.network.ListenAddresses() {
		if m := s.b.cfg.Mapping(addr); m != nil && dialable(m) {
			addrs = append(addrs, m)
			open = open || public(m) && (seen == nil || sameIP(seen, m))
		}
	}
	return addrs, open
}

// outside reports whether an interface of this machine has the address that
// others see, or any public one as long as nobody told.
func (s *self) outside(seen ma.Multiaddr) bool {
	for _, addr := range s.interfaces() {
		if seen != nil && sameIP(addr, seen) || seen == nil && public(addr) {
			return true
		}
	}
	return false
}

func (s *self) interfaces() []ma.Multiaddr {
	addrs, err := s.b.network.InterfaceListenAddresses()
	if err != nil {
		return nil
	}
	return addrs
}

func sameIP(x, y ma.Multiaddr) bool {
	a, okA := ipOf(x)
	b, okB := ipOf(y)
	return okA && okB && a == b
}

// guesses are addresses for a NAT that keeps ports: the IP that others see with
// the ports that we listen at.
func (s *self) guesses(seen ma.Multiaddr) []ma.Multiaddr {
	var guesses []ma.Multiaddr
	for _, addr := range s.b.network.ListenAddresses() {
		if len(addr) > 1 {
			guesses = append(guesses, append(ma.Multiaddr{seen[0]}, addr[1:]...))
		}
	}
	return guesses
}
