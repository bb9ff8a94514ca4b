package gossip

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
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
	for {
		select {
		case <-ctx.Done():
			return
		case l := <-g.inbox:
			g.do(func(c *core, now time.Time) { l.open(c, now) })
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

// say says where this member is reached.
func (g *Gossiper) say(c *core, now time.Time) {
	if address := g.cfg.Transport.Address(); len(address) > 0 {
		if old := c.self.entries[AddressKey]; old == nil || string(old.Value) != string(address) {
			_, _ = c.set(now, AddressKey, address, 0)
		}
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

// remember makes a raised incarnation durable before anything of it leaves.
func (g *Gossiper) remember(incarnation uint64, now time.Time) {
	err := g.cfg.Store.Put(Saved{Peer: g.core.self.id, Incarnation: incarnation, Seen: now})
	if err != nil {
		g.log.Error("incarnation was not stored", "incarnation", incarnation, "err", err)
	}
}

// learn passes addresses on to the transport.
func (g *Gossiper) learn(events []Event) {
	for _, e := range events {
		switch {
		case e.Kind == KindUpdate && e.Key == AddressKey && !e.Deleted:
			g.cfg.Transport.Learn(e.Peer, e.Value)
		case e.Kind == KindError:
			g.log.Debug("gossip", "peer", e.Peer, "err", e.Err)
		}
	}
}

func (g *Gossiper) send(o outgoing) {
	data, err := wire.Marshal(o.m)
	if err == nil {
		err = g.cfg.Transport.Send(o.to, data)
	}
	if err != nil {
		g.log.Debug("message was not sent", "peer", o.to, "err", err)
	}
}

// letter is a message that has come.
type letter struct {
	from peer.ID
	m    *message // nil: it was malformed
	err  error
}

// maxInbox is how many messages wait for the loop; what exceeds them is lost.
const maxInbox = 256

// receive takes a message from the transport.
func (g *Gossiper) receive(from peer.ID, data []byte) {
	now := time.Now()
	g.mu.Lock()
	takes := g.running && g.core.takes(now, from)
	g.mu.Unlock()
	if !takes {
		return
	}
	m, err := parseMessage(data)
	select {
	case g.inbox <- letter{from, m, err}:
	default:
		g.mu.Lock()
		g.core.counts.droppedMessages++
		g.mu.Unlock()
	}
}

// open reads a letter.
func (l letter) open(c *core, now time.Time) {
	if l.err != nil {
		c.tell(Event{Kind: KindError, Peer: l.from, Err: l.err})
		c.strike(now, l.from)
		return
	}
	c.handle(now, l.from, l.m)
}

// wake has the loop look at what is due.
func (g *Gossiper) wake() {
	select {
	case g.poke <- struct{}{}:
	default:
	}
}

// Set says value under key from now on. A value equal to the one said already
// is no change. It returns the version of the state that has it. While others
// do not keep up with this member's changes, it waits until ctx ends. The
// bounds are [MaxKey] and [MaxValue], 256 keys and 64 KiB in all; beyond them it
// fails with [wire.ErrTooBig] and [wire.ErrFull].
func (g *Gossiper) Set(ctx context.Context, key string, value []byte) (version uint64, err error) {
	return g.SetTTL(ctx, key, value, 0)
}

// SetTTL does as [Gossiper.Set], and deletes the key after ttl, if that is
// above 0. Others see it until ttl after it came to them.
func (g *Gossiper) SetTTL(ctx context.Context, key string, value []byte, ttl time.Duration) (version uint64, err error) {
	g.mu.Lock()
	old := g.core.self.entries[key]
	same := old != nil && !old.Deleted && ttl <= 0 && old.TTL == 0 && string(old.Value) == string(value)
	admit := g.core.own.admit
	g.mu.Unlock()
	if same {
		return old.Version, nil
	}
	if err := admit.Wait(ctx); err != nil {
		return 0, fmt.Errorf("set %q: %w", key, err)
	}
	g.do(func(c *core, now time.Time) { version, err = c.set(now, key, value, max(ttl, 0)) })
	g.wake()
	if err != nil {
		return 0, fmt.Errorf("set %q: %w", key, err)
	}
	return version, nil
}

// Delete takes back what was said under key; nothing said is no change.
func (g *Gossiper) Delete(ctx context.Context, key string) error {
	g.mu.Lock()
	admit := g.core.own.admit
	g.mu.Unlock()
	if err := admit.Wait(ctx); err != nil {
		return fmt.Errorf("delete %q: %w", key, err)
	}
	g.do(func(c *core, now time.Time) { c.unset(now, key) })
	g.wake()
	return nil
}

// Get returns what a member, or this one, says under key.
func (g *Gossiper) Get(p peer.ID, key string) (Value, bool) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.core.members[p]
	if m == nil {
		return Value{}, false
	}
	e := m.entries[key]
	if e == nil || !m.counts(e, now) {
		return Value{}, false
	}
	return Value{e.Value, e.Version}, true
}

// counts reports whether an entry is to be seen.
func (m *member) counts(e *signedEntry, now time.Time) bool {
	return !e.Deleted && !due(m.expires[e.Key], now)
}

// Members returns all members, this one among them, in the order of their ids.
func (g *Gossiper) Members() []Member {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	all := make([]Member, 0, len(g.core.members))
	for _, m := range g.core.sorted() {
		all = append(all, g.core.snapshot(m, now))
	}
	return all
}

// Member returns one member.
func (g *Gossiper) Member(p peer.ID) (Member, bool) {
	now := time.Now()
	g.mu.Lock()
	defer g.mu.Unlock()
	m := g.core.members[p]
	if m == nil {
		return Member{}, false
	}
	return g.core.snapshot(m, now), true
}

func (c *core) snapshot(m *member, now time.Time) Member {
	s := Member{
		Peer: m.id, Self: m == c.self, State: m.state, Incarnation: m.incarnation(), Heartbeat: m.beat,
		Phi: c.phi(m, now), Contact: m.contact, Equivocates: m.equivocates, Values: map[string]Value{},
	}
	if m != c.self {
		s.Age = max(now.Sub(later(m.known, m.detector.last)), 0)
	}
	for key, e := range m.entries {
		if m.counts(e, now) {
			s.Values[key] = Value{e.Value, e.Version}
		}
	}
	return s
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

// load takes in the members that the store knows, as unknown ones.
func (g *Gossiper) load(now time.Time) error {
	own, err := g.cfg.Store.Get(g.core.self.id)
	if err != nil && !errors.Is(err, ErrNotFound) {
		return err
	}
	g.core.self.head.Incarnation = own.Incarnation
	for _, live := range []bool{true, false} {
		for saved, err := range g.cfg.Store.Peers(live) {
			if err != nil {
				return err
			}
			g.core.restore(now, saved)
		}
	}
	g.learn(g.core.events)
	g.core.events = nil
	clear(g.core.dirty)
	clear(g.core.fresh)
	return nil
}

// keep stores what has changed, every few rounds and at the end.
func (g *Gossiper) keep(ctx context.Context) error {
	ticker := time.NewTicker(storeEvery * g.cfg.Options.Interval)
	defer ticker.Stop()
	for {
		ended := false
		select {
		case <-ctx.Done():
			ended = true
		case <-ticker.C:
		}
		if err := g.store(); err != nil {
			return fmt.Errorf("gossip: store: %w", err)
		}
		if ended {
			return nil
		}
	}
}

// storeEvery is the intervals after which changes are stored.
const storeEvery = 30

func (g *Gossiper) store() error {
	g.mu.Lock()
	var saved []Saved
	for m := range maps.Keys(g.core.dirty) {
		saved = append(saved, m.saved())
	}
	lost := g.core.lost
	clear(g.core.dirty)
	g.core.lost = nil
	g.mu.Unlock()
	var err error
	if len(saved) > 0 {
		err = g.cfg.Store.Put(saved...)
	}
	for _, p := range lost {
		err = errors.Join(err, g.cfg.Store.Delete(p))
	}
	return err
}
