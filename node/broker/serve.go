package broker

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// How long each may take.
const (
	requestTime = 2 * time.Second // for a request to be whole
	targetTime  = 3 * time.Second // for a target to answer a broker
	askTime     = 5 * time.Second // for a broker to answer an asker
)

// handle answers one request.
func (b *Broker) handle(s network.Stream) {
	if !b.begin() {
		_ = s.Reset()
		return
	}
	defer b.jobs.Done()
	stop := context.AfterFunc(b.ctx, func() { _ = s.Reset() })
	defer stop()
	_ = s.SetDeadline(time.Now().Add(requestTime))
	kind, payload, err := wire.ReadFrame(s, maxFrame)
	if err != nil {
		_ = s.Reset()
		return
	}
	_ = s.SetDeadline(time.Now().Add(askTime))
	if err := b.answer(s, kind, payload); err != nil {
		_ = wire.WriteError(s, err)
	}
	_ = s.Close()
}

func (b *Broker) answer(s network.Stream, kind byte, payload []byte) error {
	switch kind {
	case kindObserve:
		return b.observe(s)
	case kindBroker, kindEstablish:
		p, at, err := parseIntroduction(payload)
		if err != nil {
			return err
		}
		if p == b.host.ID() || p == s.Conn().RemotePeer() {
			return wire.ErrBadRequest.With("introduction of a peer to itself")
		}
		if kind == kindBroker {
			return b.introduce(s, p, at)
		}
		return b.establish(s, p, at)
	}
	return wire.ErrUnsupported
}

// observe tells a peer where its connection comes from.
func (b *Broker) observe(s network.Stream) error {
	if !b.observes.take(string(s.Conn().RemotePeer()), time.Now()) {
		return wire.ErrBusy
	}
	addr := s.Conn().RemoteMultiaddr()
	if !dialable(addr) {
		return wire.ErrNotFound.With("the connection has no address of its own")
	}
	return wire.WriteMessage(s, kindObserved, observedMessage{addr.Bytes()})
}

// introduce is the broker's part: the asker's addresses go to the target, the
// target's to the asker.
func (b *Broker) introduce(s network.Stream, target peer.ID, claimed place) error {
	asker, now := s.Conn().RemotePeer(), time.Now()
	if !b.nets.take(networkOf(s.Conn().RemoteMultiaddr()), now) || !b.askers.take(string(asker), now) {
		b.metrics.introductions.WithLabelValues("busy").Inc()
		return wire.ErrBusy.With("too many requests in a minute")
	}
	if len(b.direct(target)) == 0 {
		b.metrics.introductions.WithLabelValues("not_found").Inc()
		return wire.ErrNotFound.With("no connection to the target")
	}
	if !b.pairs.take(string(asker)+string(target), now) || !b.targets.take(string(target), now) {
		b.metrics.introductions.WithLabelValues("busy").Inc()
		return wire.ErrBusy.With("too many requests for this target in a minute")
	}
	ctx, cancel := context.WithTimeout(b.ctx, targetTime)
	defer cancel()
	found, err := b.call(network.WithNoDial(ctx, "broker"), target, kindEstablish, introduction{
		Peer: []byte(asker), Addrs: encodeAddrs(passable(b.network.ConnsToPeer(asker), claimed.addrs)), Open: claimed.open,
	})
	if err != nil {
		b.metrics.introductions.WithLabelValues("target").Inc()
		b.log.Debug("target does not answer", "asker", asker, "target", target, "err", err)
		return wire.ErrTimeout.With("the target does not answer")
	}
	b.metrics.introductions.WithLabelValues("done").Inc()
	return wire.WriteMessage(s, kindReady, readyMessage{encodeAddrs(passable(b.network.ConnsToPeer(target), found.addrs)), found.open})
}

// establish is the target's part: it says where it can be dialled, and dials.
func (b *Broker) establish(s network.Stream, asker peer.ID, at place) error {
	via := s.Conn().RemotePeer()
	if len(at.addrs) > maxPassed {
		return wire.ErrBadRequest.With("%d addresses", len(at.addrs))
	}
	if !b.dials.take(string(via), time.Now()) || !b.begin() {
		return wire.ErrBusy
	}
	at.addrs = b.bearable(b.plausible(via, asker, at.addrs))
	defer b.jobs.Done()
	own := b.self.place(b.ctx, via)
	b.trace(Step{Name: StepEstablish, Peer: asker, Via: via, Inbound: true})
	if !b.begin() {
		return wire.ErrBusy
	}
	go func() {
		defer b.jobs.Done()
		ctx, cancel := context.WithTimeout(b.ctx, meetTime)
		defer cancel()
		b.forsake(ctx, asker, forsakeAge)
		_ = b.meet(ctx, asker, at, own.open, false) // the asker tries as well, and tells if neither succeeds
	}()
	return wire.WriteMessage(s, kindReady, readyMessage{encodeAddrs(own.addrs), own.open})
}

// A peer that asks for a connection has none that works, so ours are dead, as
// after a change of its address.
const (
	forsakeAge  = 5 * time.Second // those made while the request was under way are not
	forsakeTime = time.Second     // for the others to show that they live: a broker may lie
)

// forsake closes the direct connections to a peer that asks for one, of that age
// at least, unless they live.
func (b *Broker) forsake(ctx context.Context, p peer.ID, age time.Duration) {
	var old []network.Conn
	for _, c := range b.direct(p) {
		if time.Since(c.Stat().Opened) > age {
			old = append(old, c)
		}
	}
	b.silent(ctx, old, forsakeTime)
}
