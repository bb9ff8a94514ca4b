package broker

import (
	"context"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// How this node learns under which address its QUIC socket is seen.
const (
	observeTime = 1500 * time.Millisecond // for one observation
	freshTime   = 15 * time.Second        // one is good for so long: a gate forgets what is idle for 30 s
	keptTime    = 10 * time.Minute        // … and tells what kind of NAT this is for so long
	blindTime   = time.Minute             // after an attempt that led to nothing none is made for so long
	maxSeen     = 8                       // observers that are remembered
	surveyFirst = 3 * time.Second         // after the start, peers are asked so that the kind of NAT is known
	surveyEvery = 3 * time.Minute         // … and again
	surveyed    = 3                       // peers that are asked then
)

// sighting is what one peer said of us.
type sighting struct {
	by   peer.ID
	addr ma.Multiaddr
	at   time.Time
}

// self is what a node knows of its own addresses. Everybody dials over TCP, so
// nobody sees our UDP port, which is what has to be dialled through a NAT; hence
// we ask, over a QUIC connection that is made for it.
type self struct {
	b *Broker

	asking sync.Mutex // held while somebody asks; others then find it fresh
	blind  time.Time  // when asking led to nothing
	mu     sync.Mutex
	seen   []sighting // the latest last
}

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

// look returns how via, or another peer a moment ago, sees our QUIC socket; nil
// when nobody can tell.
func (s *self) look(ctx context.Context, via peer.ID) ma.Multiaddr {
	s.asking.Lock()
	defer s.asking.Unlock()
	if last := s.last(freshTime); last != nil || time.Since(s.blind) < blindTime {
		return last
	}
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	addr, err := s.ask(ctx, via)
	if err != nil {
		s.b.log.Debug("own address is not observed", "via", via, "err", err)
		if errors.Is(err, context.DeadlineExceeded) {
			s.blind = time.Now() // no UDP passes
		}
		return nil
	}
	s.note(sighting{via, addr, time.Now()})
	return addr
}

// forget makes the next look a new one.
func (s *self) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// survey asks a few peers, so that it is known what kind of NAT there is.
func (s *self) survey(ctx context.Context) {
	s.asking.Lock()
	defer s.asking.Unlock()
	asked := 0
	for _, p := range s.b.network.Peers() {
		if asked == surveyed || ctx.Err() != nil {
			return
		}
		if speaks, err := s.b.host.Peerstore().SupportsProtocols(p, ProtocolID(s.b.cfg.Mesh)); err != nil || len(speaks) == 0 || len(s.b.quicAddrs(p)) == 0 {
			continue
		}
		asked++
		ask, cancel := context.WithTimeout(ctx, observeTime)
		addr, err := s.ask(ask, p)
		cancel()
		if err == nil {
			s.note(sighting{p, addr, time.Now()})
		}
	}
}

// last is the latest sighting that is not older than d.
func (s *self) last(d time.Duration) ma.Multiaddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if n := len(s.seen); n > 0 && time.Since(s.seen[n-1].at) < d {
		return s.seen[n-1].addr
	}
	return nil
}

// note remembers a sighting, one for each observer.
func (s *self) note(n sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := s.seen[:0]
	for _, old := range s.seen {
		if old.by != n.by && time.Since(old.at) < keptTime {
			kept = append(kept, old)
		}
	}
	s.seen = append(kept, n)
	s.seen = s.seen[max(0, len(s.seen)-maxSeen):]
}

// ask asks via over a QUIC connection: one that is there, or one for this
// question alone, which leaves from the socket that we listen at.
func (s *self) ask(ctx context.Context, via peer.ID) (ma.Multiaddr, error) {
	for _, c := range s.b.direct(via) {
		if isQUIC(c.RemoteMultiaddr()) {
			stream, err := c.NewStream(ctx)
			if err != nil {
				return nil, err
			}
			return s.b.askOn(ctx, stream)
		}
	}
	err := ErrUnreachable
	for _, addr := range s.b.quicAddrs(via) {
		var seen ma.Multiaddr
		if seen, err = s.askAt(ctx, via, addr); err == nil {
			return seen, nil
		}
	}
	return nil, err
}

func (s *self) askAt(ctx context.Context, via peer.ID, addr ma.Multiaddr) (ma.Multiaddr, error) {
	t := s.b.network.TransportForDialing(addr)
	if t == nil {
		return nil, ErrUnreachable
	}
	c, err := t.Dial(ctx, addr, via)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	stream, err := c.OpenStream(ctx)
	if err != nil {
		return nil, err
	}
	return s.b.askOn(ctx, stream)
}

// quicAddrs are the QUIC addresses of a peer that are in the networks its
// connections go to, at most 2: the others would only cost time.
func (b *Broker) quicAddrs(p peer.ID) []ma.Multiaddr {
	ips := map[netip.Addr]bool{}
	for _, c := range b.direct(p) {
		if ip, ok := ipOf(c.RemoteMultiaddr()); ok {
			ips[ip] = true
		}
	}
	var addrs []ma.Multiaddr
	for _, addr := range b.host.Peerstore().Addrs(p) {
		if ip, ok := ipOf(addr); ok && ips[ip] && dialable(addr) && isQUIC(addr) && len(addrs) < 2 {
			addrs = append(addrs, addr)
		}
	}
	return addrs
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

// Seen is how peers have seen this node's QUIC socket of late, the latest first.
func (b *Broker) Seen() []ma.Multiaddr {
	b.self.mu.Lock()
	defer b.self.mu.Unlock()
	var addrs []ma.Multiaddr
	for _, n := range slices.Backward(b.self.seen) {
		if time.Since(n.at) < keptTime {
			addrs = append(addrs, n.addr)
		}
	}
	return addrs
}

// NAT tells what kind of NAT the node is behind, from how others see its QUIC
// socket: "none", "keeps" one port for all destinations, "random", or "" as long as
// too few have been asked.
func (b *Broker) NAT() string {
	seen := b.Seen()
	if len(seen) == 0 {
		return ""
	}
	for _, own := range b.self.interfaces() {
		if own.Equal(seen[0]) {
			return "none"
		}
	}
	for _, addr := range seen[1:] {
		if !addr.Equal(seen[0]) {
			return "random"
		}
	}
	if len(seen) == 1 {
		return ""
	}
	return "keeps"
}
