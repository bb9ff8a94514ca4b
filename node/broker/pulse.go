package broker

import (
	"context"
	"crypto/rand"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	"github.com/multiformats/go-multistream"
)

// How connections are found that died without a word: those of a node whose
// address outside a NAT has changed, or that slept. Nobody tells it, and without
// a look TCP takes minutes. A request that went into a dead connection is given up
// after 10 s: inUseAge, pulseEvery and pulseTime together are less.
const (
	pulseEvery  = 2 * time.Second
	pulseTime   = 6 * time.Second  // for an answer on a connection in use: its line may be slow and full
	urgentTime  = 3 * time.Second  // … on others, and when there is a reason to believe that it is dead
	pulseInTurn = 2                // connections that are looked at beside those in use
	pulseInUse  = 32               // connections in use that are looked at
	inUseAge    = time.Second      // a stream this old is long enough open to mean use
	heardAge    = 5 * time.Second  // for which a peer counts as heard
	wakeGap     = 15 * time.Second // between two pulses: the machine slept
	redials     = 8                // peers that are dialled again
)

// pulse looks at connections until ctx ends.
func (b *Broker) pulse(ctx context.Context) {
	tick := time.NewTicker(pulseEvery)
	defer tick.Stop()
	last := time.Now().Round(0) // the wall clock goes on while a machine sleeps
	for turn := 0; ; turn += pulseInTurn {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		slept := time.Now().Round(0).Sub(last) > wakeGap
		used, idle := b.watched(turn)
		if slept || b.anyDead(ctx, used, idle) {
			b.recover(ctx)
		}
		last = time.Now().Round(0)
	}
}

// anyDead looks at both kinds at once, closes those that are dead, and reports
// whether there were any.
func (b *Broker) anyDead(ctx context.Context, used, idle []network.Conn) bool {
	var dead []peer.ID
	var idler sync.WaitGroup
	idler.Go(func() { dead = b.silent(ctx, idle, urgentTime) })
	deadUsed := b.silent(ctx, used, pulseTime)
	idler.Wait()
	return len(dead)+len(deadUsed) > 0
}

// watched are the direct connections with a stream that is open for a while, and
// a few in turn of the others over which nothing was heard.
func (b *Broker) watched(turn int) (used, some []network.Conn) {
	var idle []network.Conn
	for _, c := range b.network.Conns() {
		switch {
		case relayed(c) || c.IsClosed():
		case b.inUse(c):
			used = append(used, c)
		case b.heard(c.RemotePeer()):
		default:
			idle = append(idle, c)
		}
	}
	for i := range min(pulseInTurn, len(idle)) {
		some = append(some, idle[(turn+i)%len(idle)])
	}
	return used[:min(len(used), pulseInUse)], some
}

func (b *Broker) inUse(c network.Conn) bool {
	return slices.ContainsFunc(c.GetStreams(), func(s network.Stream) bool {
		return time.Since(s.Stat().Opened) > inUseAge && !slices.Contains(b.cfg.Quiet, s.Protocol())
	})
}

// heard reports whether a peer with one connection has just been heard.
func (b *Broker) heard(p peer.ID) bool {
	return b.cfg.Heard != nil && len(b.direct(p)) == 1 && time.Since(b.cfg.Heard(p)) < heardAge
}

// recover looks at every direct connection at once, closes the dead ones, and
// dials some of their peers again. What was known of this node's addresses is
// forgotten, and peers are asked anew.
func (b *Broker) recover(ctx context.Context) {
	b.self.forget()
	b.paths.forgive()
	dead := b.silent(ctx, b.network.Conns(), urgentTime)
	ctx, cancel := context.WithTimeout(ctx, dialTime)
	defer cancel()
	var wg sync.WaitGroup
	for _, p := range dead[:min(len(dead), redials)] {
		wg.Go(func() { _ = b.dial(ctx, p) }) // the routing layer looks for others
	}
	wg.Wait()
	select {
	case b.elsewhere <- struct{}{}:
	default:
	}
	b.log.Info("connections were dead", "closed", len(dead))
}

// silent closes the direct connections among conns that do not answer within d,
// and returns their peers.
func (b *Broker) silent(ctx context.Context, conns []network.Conn, d time.Duration) []peer.ID {
	var (
		mu   sync.Mutex
		dead []peer.ID
		wg   sync.WaitGroup
	)
	for _, c := range conns {
		if relayed(c) || c.IsClosed() {
			continue
		}
		wg.Go(func() {
			if alive(ctx, c, d) || ctx.Err() != nil || c.IsClosed() {
				return
			}
			hangUp(c)
			b.metrics.dead.Inc()
			mu.Lock()
			defer mu.Unlock()
			dead = append(dead, c.RemotePeer())
		})
	}
	wg.Wait()
	return dead
}

// hangUp closes a dead connection. Its streams are reset first, or those who read
// from them would wait, too, while the closing tries for up to 5 s to say goodbye.
func hangUp(c network.Conn) {
	var resets sync.WaitGroup
	for _, s := range c.GetStreams() {
		resets.Go(func() { _ = s.Reset() }) // it may wait until the connection is closed
	}
	_ = c.Close()
	resets.Wait()
}

// alive reports whether the other end of a connection answers a ping within d.
func alive(ctx context.Context, c network.Conn, d time.Duration) bool {
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	s, err := c.NewStream(ctx)
	if err != nil {
		return false
	}
	defer s.Reset() //nolint:errcheck // the ping protocol has no end of its own
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	defer stop()
	_ = s.SetDeadline(time.Now().Add(d))
	if err := multistream.SelectProtoOrFail(ping.ID, s); err != nil {
		return ctx.Err() == nil // it answers, though not this
	}
	var sent, got [ping.PingSize]byte
	rand.Read(sent[:])
	if _, err := s.Write(sent[:]); err != nil {
		return false
	}
	_, err = io.ReadFull(s, got[:])
	return err == nil && got == sent
}

// replaced looks at the older connections to a peer that has made a new one: it
// may have made it because they are dead. Whichever side made it, there is a way.
func (b *Broker) replaced(fresh network.Conn) {
	if relayed(fresh) {
		return
	}
	b.paths.end(fresh.RemotePeer(), true)
	if fresh.Stat().Direction != network.DirInbound {
		return
	}
	var older []network.Conn
	for _, c := range b.direct(fresh.RemotePeer()) {
		if c != fresh && time.Since(c.Stat().Opened) > forsakeAge {
			older = append(older, c)
		}
	}
	if len(older) == 0 || !b.begin() {
		return
	}
	go func() {
		defer b.jobs.Done()
		b.silent(b.ctx, older, urgentTime)
	}()
}
