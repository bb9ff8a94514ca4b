package broker

import (
	"cmp"
	"context"
	"errors"
	"math/bits"
	"slices"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// How many brokers are asked for one peer.
const (
	maxBrokers  = 12
	askTogether = 3
	maxMute     = 2 // brokers that are connected to a peer which does not answer: it is dead
)

// brokers returns the peers that may hold a connection to p, the likeliest
// first: relays that p names, then those near p in the routing layer.
func (b *Broker) brokers(p peer.ID) []peer.ID {
	relays := map[peer.ID]bool{}
	for _, addr := range b.host.Peerstore().Addrs(p) {
		if id, ok := relayIn(addr); ok && id != b.host.ID() {
			relays[id] = true
		}
	}
	var ids []peer.ID
	for _, id := range b.network.Peers() {
		speaks, err := b.host.Peerstore().SupportsProtocols(id, ProtocolID(b.cfg.Mesh))
		if id != p && !relays[id] && err == nil && len(speaks) > 0 && len(b.direct(id)) > 0 {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(x, y peer.ID) int { return cmp.Compare(nearness(y, p), nearness(x, p)) })
	for id := range relays {
		ids = append([]peer.ID{id}, ids...)
	}
	return ids[:min(len(ids), maxBrokers)]
}

// nearness is how many leading bits the places of two peers share. It need not be
// the routing layer's own measure: it only spreads the requests.
func nearness(x, y peer.ID) int {
	a, b := blake3.Sum256([]byte(x)), blake3.Sum256([]byte(y))
	for i := range a {
		if d := a[i] ^ b[i]; d != 0 {
			return 8*i + bits.LeadingZeros8(d)
		}
	}
	return 8 * len(a)
}

// introduced asks brokers, a few at once, and reports whether one of them led to
// a connection. Each is asked once in an attempt.
func (s *steps) introduced(ctx context.Context, brokers []peer.ID) bool {
	brokers = slices.DeleteFunc(brokers, func(id peer.ID) bool { return s.asked[id] })
	for some := range slices.Chunk(brokers, askTogether) {
		if ctx.Err() != nil || s.mute >= maxMute {
			break
		}
		results := make(chan error, len(some))
		for _, via := range some {
			s.asked[via] = true
			go func() { results <- s.ask(ctx, via) }()
		}
		for range some {
			if err := <-results; errors.Is(err, wire.ErrTimeout) {
				s.mute++
			}
		}
		if len(s.b.direct(s.p)) > 0 {
			break
		}
	}
	return len(s.b.direct(s.p)) > 0
}

// ask asks one broker and dials where it says.
func (s *steps) ask(ctx context.Context, via peer.ID) error {
	b := s.b
	var own, at place
	err := s.step(Step{Name: StepBroker, Via: via}, func() (err error) {
		ask, cancel := context.WithTimeout(ctx, askTime)
		defer cancel()
		own = b.self.place(ask, via)
		at, err = b.call(ask, via, kindBroker, introduction{[]byte(s.p), encodeAddrs(own.addrs), own.open})
		at.addrs = b.plausible(via, s.p, at.addrs)
		return err
	})
	if err != nil {
		if errors.Is(err, context.Canceled) && b.dialledBy(s.p) {
			b.paths.met(s.p, via) // the target was faster than the broker's answer
		}
		return err
	}
	b.paths.met(s.p, via)
	err = s.step(Step{Name: StepEstablish, Via: via}, func() error {
		meet, cancel := context.WithTimeout(ctx, meetTime)
		defer cancel()
		return b.meet(meet, s.p, at, own.open, true)
	})
	if err != nil && len(b.direct(s.p)) == 0 {
		b.paths.met(s.p, "")
	}
	return err
}

// dialledBy reports whether p has dialled us.
func (b *Broker) dialledBy(p peer.ID) bool {
	return slices.ContainsFunc(b.direct(p), func(c network.Conn) bool { return c.Stat().Direction == network.DirInbound })
}

// meet dials a peer that dials us at the same moment. Where one of the two takes
// connections from anybody, both dial as they always do, and the one dial
// succeeds. Where neither does, or that was not so, they dial with roles, the
// asker as the client: what both open at once is one TCP connection, and the two
// must not both be its client; over QUIC the other only opens its gate.
func (b *Broker) meet(ctx context.Context, p peer.ID, at place, open, asker bool) error {
	b.host.Peerstore().AddAddrs(p, at.addrs, peerstore.TempAddrTTL)
	if open || at.open {
		plain, cancel := context.WithTimeout(ctx, plainTime)
		err := b.dial(plain, p)
		cancel()
		if err == nil || ctx.Err() != nil {
			return err
		}
	}
	return b.dial(network.WithSimultaneousConnect(ctx, asker, "broker"), p)
}
