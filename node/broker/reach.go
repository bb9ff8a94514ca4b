package broker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
)

// How long each step may take, and when the next begins beside it.
const (
	reachTime  = 12 * time.Second        // an attempt
	dialTime   = 3 * time.Second         // known addresses
	brokerWait = 250 * time.Millisecond  // after which a broker is asked while the dial goes on
	meetTime   = 3 * time.Second         // both dial at once
	plainTime  = 1500 * time.Millisecond // of which at first without roles, see meet
	findTime   = 4 * time.Second         // addresses from the routing layer
	relayTime  = 3 * time.Second         // a relay
)

// attempt is one try to reach a peer, for all who want to.
type attempt struct {
	done chan struct{}
	err  error
}

// Reach sees to a connection to p, a direct one if there is a way: see the
// package comment for what it tries. It returns when there is one, ctx ends, or
// nothing is left to try: [ErrUnreachable]. What it began goes on for others when
// ctx ends.
func (b *Broker) Reach(ctx context.Context, p peer.ID) error {
	direct, bulk := b.bulk(p)
	if direct {
		return nil
	}
	if bulk {
		b.upgrade(p)
		return nil
	}
	t := b.attempt(p)
	if t == nil {
		return context.Canceled
	}
	select {
	case <-t.done:
		return t.err
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// upgradeEvery is how often a direct way is looked for to a peer that a relay
// with a budget leads to, while it is in use.
const upgradeEvery = 30 * time.Second

// upgrade looks for a direct way beside a relayed one; streams opened from then
// on take it.
func (b *Broker) upgrade(p peer.ID) {
	if b.paths.age(p) > upgradeEvery {
		_ = b.attempt(p)
	}
}

// attempt returns the attempt that is under way, or begins one; nil when the
// broker is closed.
func (b *Broker) attempt(p peer.ID) *attempt {
	b.mu.Lock()
	defer b.mu.Unlock()
	if t := b.tries[p]; t != nil {
		return t
	}
	if b.shut {
		return nil
	}
	t := &attempt{done: make(chan struct{})}
	b.tries[p] = t
	b.jobs.Add(1)
	go func() {
		defer b.jobs.Done()
		ctx, cancel := context.WithTimeout(b.ctx, reachTime)
		defer cancel()
		t.err = b.try(ctx, p)
		b.mu.Lock()
		delete(b.tries, p)
		b.mu.Unlock()
		close(t.done)
	}()
	return t
}

// try goes through the steps until one leads to a connection.
func (b *Broker) try(ctx context.Context, p peer.ID) error {
	b.paths.begin(p)
	began := time.Now()
	met, stop := b.await(p)
	defer stop()
	steps := &steps{b: b, p: p, asked: map[peer.ID]bool{}}
	ended := make(chan struct{})
	ctx, cancel := context.WithCancel(ctx)
	go func() {
		defer close(ended)
		steps.run(ctx)
	}()
	defer func() { cancel(); <-ended }()
	select {
	case <-met:
	case <-ended:
	case <-ctx.Done():
	}
	cancel()
	<-ended
	path := b.Path(p)
	b.paths.end(p, path.How != HowNone && path.How != HowRelayed)
	b.metrics.reached.WithLabelValues(path.How).Inc()
	b.metrics.took.Observe(time.Since(began).Seconds())
	if path.How == HowNone {
		return fmt.Errorf("%w: %s", ErrUnreachable, steps.last)
	}
	return nil
}

// await returns a channel that is closed when there is a direct connection to p.
func (b *Broker) await(p peer.ID) (met <-chan struct{}, stop func()) {
	done := make(chan struct{})
	n := &network.NotifyBundle{}
	var once = make(chan struct{}, 1)
	n.ConnectedF = func(_ network.Network, c network.Conn) {
		if c.RemotePeer() != p || relayed(c) {
			return
		}
		select {
		case once <- struct{}{}:
			close(done)
		default:
		}
	}
	b.network.Notify(n)
	if conns := b.direct(p); len(conns) > 0 {
		n.ConnectedF(b.network, conns[0])
	}
	return done, func() { b.network.StopNotify(n) }
}

// steps is the course of one attempt. It ends early when its context does, which
// is when there is a connection.
type steps struct {
	b     *Broker
	p     peer.ID
	asked map[peer.ID]bool // brokers
	mute  int              // brokers whom the peer did not answer
	last  string           // what went wrong last
}

func (s *steps) run(ctx context.Context) {
	b := s.b
	dialled := make(chan struct{})
	dial, stop := context.WithTimeout(ctx, dialTime)
	defer stop()
	go func() {
		defer close(dialled)
		if b.hasDirectAddr(s.p) {
			_ = s.step(Step{Name: StepDial}, func() error { return b.dial(dial, s.p) })
		}
	}()
	defer func() { <-dialled }()
	select {
	case <-dialled:
	case <-time.After(brokerWait):
	case <-ctx.Done():
		return
	}
	if ctx.Err() != nil || s.introduced(ctx, b.brokers(s.p)) {
		return
	}
	<-dialled
	searched := b.farther(s.p)
	if searched {
		s.find(ctx)
	}
	if s.indirect(ctx); !searched && ctx.Err() == nil && len(b.network.ConnsToPeer(s.p)) == 0 && s.find(ctx) {
		s.indirect(ctx) // the relays that were known are gone
	}
}

// indirect goes by way of others: brokers, else a relay.
func (s *steps) indirect(ctx context.Context) {
	if !s.introduced(ctx, s.b.brokers(s.p)) {
		s.relay(ctx)
	}
}

// step does one thing, notes how it went and tells of it. One that was cut short
// because there is a connection is no failure.
func (s *steps) step(what Step, do func() error) error {
	began := time.Now()
	err := do()
	what.Peer, what.Took = s.p, time.Since(began)
	if err != nil && !errors.Is(err, context.Canceled) {
		what.Err = shorten(err)
		s.b.mu.Lock()
		s.last = what.Name + ": " + what.Err
		s.b.mu.Unlock()
	}
	s.b.paths.add(what)
	s.b.trace(what)
	return err
}

// maxErrText bounds what is kept of an error, in bytes: those of dials name every
// address.
const maxErrText = 200

func shorten(err error) string {
	text := err.Error()
	return text[:min(len(text), maxErrText)]
}

// find asks the routing layer for addresses, dials those that are new and direct,
// and reports whether any are new.
func (s *steps) find(ctx context.Context) bool {
	if s.b.cfg.FindPeer == nil {
		return false
	}
	ask, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	known := s.b.host.Peerstore().Addrs(s.p)
	var fresh []ma.Multiaddr
	_ = s.step(Step{Name: StepFind}, func() error {
		info, err := s.b.cfg.FindPeer(ask, s.p)
		fresh = slices.DeleteFunc(slices.Clone(info.Addrs), func(a ma.Multiaddr) bool { return ma.Contains(known, a) })
		s.b.host.Peerstore().AddAddrs(s.p, info.Addrs, peerstore.TempAddrTTL)
		return err
	})
	if slices.ContainsFunc(fresh, func(a ma.Multiaddr) bool { return !isCircuit(a) }) {
		_ = s.step(Step{Name: StepDial}, func() error { return s.b.dial(ctx, s.p) })
	}
	return len(fresh) > 0
}

// farther reports whether the routing layer may know more of p than we do: no
// relay of it is known, and it is not on this machine.
func (b *Broker) farther(p peer.ID) bool {
	known := b.host.Peerstore().Addrs(p)
	return !slices.ContainsFunc(known, isCircuit) && (len(known) == 0 || !slices.ContainsFunc(known, loopback) || slices.ContainsFunc(known, public))
}

// hasDirectAddr reports whether an address of p is known that is no relay's.
func (b *Broker) hasDirectAddr(p peer.ID) bool {
	return slices.ContainsFunc(b.host.Peerstore().Addrs(p), func(a ma.Multiaddr) bool { return !isCircuit(a) })
}

// dial dials the direct addresses that are known of p.
func (b *Broker) dial(ctx context.Context, p peer.ID) error {
	b.network.Backoff().Clear(p)
	return b.host.Connect(network.WithForceDirectDial(ctx, "broker"), peer.AddrInfo{ID: p})
}
