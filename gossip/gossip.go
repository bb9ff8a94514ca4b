package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Gossiper is a member. It is safe for concurrent use. Nothing is sent before
// [Gossiper.Run]; what is set before is said then.
type Gossiper struct {
	cfg      Config
	log      *slog.Logger
	watchers watchers
	inbox    chan letter
	poke     chan struct{} // holds a token when the loop has something to look at

	mu      sync.Mutex
	core    *core
	running bool
}

// ErrRunning says that another Run is under way.
var ErrRunning = errors.New("gossip runs already")

// New returns a member that knows whom its store knows.
func New(cfg Config) (*Gossiper, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	c, err := newCore(cfg)
	if err != nil {
		return nil, fmt.Errorf("gossip: %w", err)
	}
	g := &Gossiper{cfg: cfg, log: cfg.Logger, core: c, inbox: make(chan letter, maxInbox), poke: make(chan struct{}, 1)}
	if err := g.load(time.Now()); err != nil {
		return nil, fmt.Errorf("gossip: store: %w", err)
	}
	return g, g.register(cfg.Registerer)
}

// Peer returns this member's id.
func (g *Gossiper) Peer() peer.ID { return g.core.self.id }

// Run begins a new life and lives it until ctx ends, or the store or the
// transport fails. It does not say goodbye: see [Gossiper.Leave]. It may be
// called again when it has returned.
func (g *Gossiper) Run(ctx context.Context) error {
	if err := g.start(); err != nil {
		return fmt.Errorf("gossip: %w", err)
	}
	ctx, cancel := context.WithCancelCause(ctx)
	var wait sync.WaitGroup
	wait.Go(func() {
		if err := g.cfg.Transport.Serve(ctx, g.receive); err != nil && ctx.Err() == nil {
			cancel(fmt.Errorf("gossip: transport: %w", err))
		}
	})
	wait.Go(func() { cancel(g.keep(ctx)) })
	g.loop(ctx)
	cancel(nil)
	wait.Wait()
	g.mu.Lock()
	g.running = false
	g.mu.Unlock()
	if err := context.Cause(ctx); err != nil && !errors.Is(err, context.Canceled) && !errors.Is(err, context.DeadlineExceeded) {
		return err
	}
	return nil
}

// start begins a life later than all that the store knows of.
func (g *Gossiper) start() error {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.running {
		return ErrRunning
	}
	if g.cfg.Silent {
		g.running, g.core.nextTick = true, now
		return nil
	}
	incarnation := max(g.core.self.incarnation()+1, uint64(min(max(now.UnixMilli(), 1), maxIncarnation)))
	if incarnation > maxIncarnation {
		return errors.New("no later incarnation is left: this member needs another key")
	}
	if err := g.cfg.Store.Put(Saved{Peer: g.core.self.id, Incarnation: incarnation, Seen: now}); err != nil {
		return fmt.Errorf("store: %w", err)
	}
	g.running = true
	g.core.born(now, incarnation)
	g.core.nextTick = now
	return nil
}

// loop does what is due, until ctx ends.
func (g *Gossiper) loop(ctx context.Context) {
	timer := time.NewTimer(0)
	defer timer.Stop()
	repeat := time.NewTicker(learnEvery)
	defer repeat.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-g.inbox:
			g.trace(l.from, false, l.m)
			g.do(func(c *core, now time.Time) { l.open(c, now) })
		case <-repeat.C:
			g.learnAll()
		case <-g.poke:
		case <-timer.C:
		}
		g.do(func(c *core, now time.Time) {
			if due(c.nextTick, now) {
				g.say(c, now)
				c.tick(now)
			}
			c.wake(now)
		})
		g.mu.Lock()
		timer.Reset(time.Until(g.core.next()))
		g.mu.Unlock()
	}
}

// do changes the core, sends what it wants sent and tells what it has to tell.
func (g *Gossiper) do(change func(c *core, now time.Time)) {
	now := time.Now()
	g.mu.Lock()
	born := g.core.self.incarnation()
	change(g.core, now)
	if g.core.self.incarnation() > born && g.running {
		g.remember(g.core.self.incarnation(), now)
	}
	out, events := g.core.out, g.core.events
	g.core.out, g.core.events = nil, nil
	g.mu.Unlock()
	g.learn(events)
	for _, o := range out {
		g.send(o)
	}
	g.watchers.tell(events)
}

func (g *Gossiper) send(o outgoing) {
	g.trace(o.to, true, o.m)
	data, err := wire.Marshal(o.m)
	if err == nil {
		err = g.cfg.Transport.Send(o.to, data)
	}
	if err != nil {
		g.log.Debug("message was not sent", "peer", o.to, "err", err)
	}
}

// wake has the loop look at what is due.
func (g *Gossiper) wake() {
	select {
	case g.poke <- struct{}{}:
	default:
	}
}

// GossipOnce begins a round now, and the next one an interval later. It is an
// error when Run is not under way.
func (g *Gossiper) GossipOnce(ctx context.Context) error {
	g.mu.Lock()
	running := g.running
	if running {
		g.core.nextTick = time.Now()
	}
	g.mu.Unlock()
	if !running {
		return errors.New("gossip does not run")
	}
	g.wake()
	return ctx.Err()
}

// Leave tells some members that this one leaves; they tell the others. It waits
// for a quarter of an interval, so that the word is out when it returns, or
// until ctx ends. What this member said stays known as long as that of a dead
// one. After it, this member says nothing until it is run again.
func (g *Gossiper) Leave(ctx context.Context) error {
	g.do(func(c *core, now time.Time) { c.leave(now) })
	timer := time.NewTimer(g.cfg.Options.Interval / 4)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
	return ctx.Err()
}
