package broker

import (
	"cmp"
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
)

// How this node learns under which address its QUIC socket is seen.
const (
	observeTime = 1500 * time.Millisecond // for one observation, and to wait for that of another
	freshTime   = 15 * time.Second        // one is good for so long: a gate forgets what is idle for 30 s
	keptTime    = 10 * time.Minute        // … and tells what kind of NAT this is for so long
	blindTime   = time.Minute             // who did not answer is not asked again for so long
	blinding    = 2                       // of whom so many mean that no UDP passes
	maxSeen     = 8                       // observers that are remembered
	surveyFirst = 3 * time.Second         // after the start, peers are asked so that the kind of NAT is known
	surveySoon  = 10 * time.Second        // … and again while it is not, twice as long later each time
	surveyEvery = 3 * time.Minute         // … once it is
	surveyed    = 3                       // peers that are asked then
)

// sighting is what one peer said of us.
type sighting struct {
	by   peer.ID
	addr ma.Multiaddr // nil: it did not answer
	at   time.Time
}

// look returns how via, or another peer a moment ago, sees our QUIC socket; nil
// when nobody can tell.
func (s *self) look(ctx context.Context, via peer.ID) ma.Multiaddr {
	realm := s.b.realm(via)
	ctx, cancel := context.WithTimeout(ctx, observeTime)
	defer cancel()
	if last := s.last(realm); last != nil || s.blind(via) || !s.begin(ctx) {
		return last
	}
	defer s.end()
	if last := s.last(realm); last != nil || s.blind(via) {
		return last
	}
	return s.ask(ctx, via)
}

// begin waits until nobody else asks, and reports whether that was in time.
func (s *self) begin(ctx context.Context) bool {
	select {
	case s.asking <- struct{}{}:
		return true
	case <-ctx.Done():
		return false
	}
}

func (s *self) end() { <-s.asking }

// forget makes the next look a new one.
func (s *self) forget() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = nil
}

// survey asks a few peers, those over the Internet first, so that it is known
// what kind of NAT there is.
func (s *self) survey(ctx context.Context) {
	var able []peer.ID
	for _, p := range s.b.network.Peers() {
		if speaks, err := s.b.host.Peerstore().SupportsProtocols(p, ProtocolID(s.b.cfg.Mesh)); err == nil && len(speaks) > 0 && len(s.b.quicAddrs(p)) > 0 {
			able = append(able, p)
		}
	}
	slices.SortStableFunc(able, func(x, y peer.ID) int { return cmp.Compare(s.b.realm(x), s.b.realm(y)) })
	for _, p := range able[:min(len(able), surveyed)] {
		if !s.begin(ctx) {
			return
		}
		ask, cancel := context.WithTimeout(ctx, observeTime)
		s.ask(ask, p)
		cancel()
		s.end()
	}
}

// last is the latest sighting of late by a peer of a realm: others see another
// address.
func (s *self) last(r realm) ma.Multiaddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range slices.Backward(s.seen) {
		if n.addr != nil && realmOf(n.addr) == r && time.Since(n.at) < freshTime {
			return n.addr
		}
	}
	return nil
}

// blind reports whether it would be in vain to ask via: it has not answered a
// moment ago, or some have not and nobody has.
func (s *self) blind(via peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	mute, heard := 0, false
	for _, n := range s.seen {
		switch {
		case time.Since(n.at) > blindTime:
		case n.addr != nil:
			heard = true
		case n.by == via:
			return true
		default:
			mute++
		}
	}
	return !heard && mute >= blinding
}

// note remembers a sighting, one for each observer.
func (s *self) note(n sighting) {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := slices.DeleteFunc(s.seen, func(old sighting) bool { return old.by == n.by || time.Since(old.at) > keptTime })
	s.seen = append(kept, n)
	s.seen = s.seen[max(0, len(s.seen)-maxSeen):]
}

// ask asks via how it sees our QUIC socket, and notes the answer, or that there
// was none in time.
func (s *self) ask(ctx context.Context, via peer.ID) ma.Multiaddr {
	addr, err := s.observed(ctx, via)
	switch {
	case err == nil:
		s.note(sighting{via, addr, time.Now()})
		return addr
	case ctx.Err() == context.DeadlineExceeded:
		s.note(sighting{by: via, at: time.Now()})
	}
	s.b.log.Debug("own address is not observed", "via", via, "err", err)
	return nil
}

// observed asks via over a QUIC connection: one that is there, or one for this
// question alone, which leaves from the socket that we listen at.
func (s *self) observed(ctx context.Context, via peer.ID) (ma.Multiaddr, error) {
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
		if seen, err = s.observedAt(ctx, via, addr); err == nil {
			return seen, nil
		}
	}
	return nil, err
}

func (s *self) observedAt(ctx context.Context, via peer.ID, addr ma.Multiaddr) (ma.Multiaddr, error) {
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

// Seen is how peers have seen this node's QUIC socket of late, the latest first:
// those of the widest realm that any of them is in.
func (b *Broker) Seen() []ma.Multiaddr {
	b.self.mu.Lock()
	defer b.self.mu.Unlock()
	var addrs []ma.Multiaddr
	for _, n := range slices.Backward(b.self.seen) {
		if n.addr == nil || time.Since(n.at) > keptTime {
			continue
		}
		if len(addrs) > 0 && realmOf(n.addr) < realmOf(addrs[0]) {
			addrs = nil
		}
		if len(addrs) == 0 || realmOf(n.addr) == realmOf(addrs[0]) {
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
