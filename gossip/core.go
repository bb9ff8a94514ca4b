package gossip

import (
	"crypto/ed25519"
	crand "crypto/rand"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"
)

// core is a member without network, disk or clock: it is told the time and what
// came, and leaves what is to be sent and told in out and events. It is not
// safe for concurrent use.
type core struct {
	opt       Options
	key       ed25519.PrivateKey
	mesh      string
	verify    verifier
	rand      *rand.Rand
	seeds     func() []peer.ID
	important func(peer.ID) bool
	silent    bool

	self    *member
	own     own
	members map[peer.ID]*member // self among them
	shorts  map[short]*member
	order   []*member // see sorted
	roster  roster
	hood    hood
	remotes map[peer.ID]*remote
	gone    gone
	helping map[peer.ID]*help  // by whom they are to probe
	fresh   map[*member]uint64 // what is to be pushed: the version before the news

	stall     stall
	nextTick  time.Time
	nextCheck time.Time // of everybody's silence
	nextFlush time.Time // of fresh; zero: nothing is
	lastFlush time.Time
	rounds    uint64

	out    []outgoing
	events []Event
	dirty  map[*member]struct{} // what is to be stored
	lost   []peer.ID            // what is to be deleted from the store
	counts counts
}

// outgoing is a message that is to be sent.
type outgoing struct {
	to peer.ID
	m  *message
}

// counts are what the metrics tell, since the start.
type counts struct {
	badMessages, refusedMembers, droppedMessages uint64
	checks, badBeats, equivocations, omissions   uint64
}

// member is one member as the core knows it.
type member struct {
	id   peer.ID
	who  identity
	salt chainSalt // of its life
	replica

	state     State
	beat      uint64 // its latest heartbeat, and that one's link
	link      link
	detector  detector
	inflow    *rate.Limiter // of its records, in bytes
	known     time.Time     // when it was heard of, or came to its present life
	contact   time.Time     // when it was heard itself; zero: never
	since     time.Time     // when it came to its state
	restarted time.Time     // when a later life of it was taken in last
	probed    time.Time     // when it was probed last
	row       int           // heartbeats that came soon after one another
	called    time.Time     // when it was called last as a stranger
	retry     time.Time     // a dead one is not called before
	failures  int           // calls since it died
	forgiven  time.Duration // silence that was not held against it, since its last sign of life
	expires   map[string]time.Time

	doubted     bool // its state came in parts that did not fit: parts are taken from itself only
	important   bool
	equivocates bool
}

func newCore(cfg Config) (*core, error) {
	id, err := ID(cfg.Key.Public().(ed25519.PublicKey))
	if err != nil {
		return nil, err
	}
	who, err := identityOf(id)
	if err != nil {
		return nil, err
	}
	c := &core{
		opt: cfg.Options, key: cfg.Key, mesh: cfg.Mesh, verify: newVerifier(cfg.Mesh),
		rand: cfg.Rand, seeds: cfg.Seeds, important: cfg.Important, silent: cfg.Silent,
		self:    &member{id: id, who: who, state: Live},
		members: map[peer.ID]*member{}, shorts: map[short]*member{},
		remotes: map[peer.ID]*remote{}, gone: newGone(),
		helping: map[peer.ID]*help{}, fresh: map[*member]uint64{}, dirty: map[*member]struct{}{},
	}
	c.own.init(&c.opt)
	c.members[id], c.shorts[who.short()] = c.self, c.self
	c.roster.stale, c.hood.stale, c.hood.dull = true, true, newDull()
	_, _ = crand.Read(c.hood.secret[:])
	return c, nil
}

// tick begins a round: a heartbeat, verdicts, exchanges. It is due at nextTick.
func (c *core) tick(now time.Time) {
	c.resume(now)
	jitter := time.Duration((c.rand.Float64() - 0.5) / 5 * float64(c.opt.Interval))
	c.nextTick = now.Add(c.opt.Interval + jitter)
	c.rounds++
	c.advance(now)
	c.check(now)
	c.prune(now)
	c.seal(now)
	c.begin(now)
}

// wake does what is due between two rounds.
func (c *core) wake(now time.Time) {
	c.resume(now)
	if due(c.nextCheck, now) {
		c.check(now)
	}
	if due(c.nextFlush, now) {
		c.flush(now)
	}
}

// next is when tick or wake is due.
func (c *core) next() time.Time {
	next := c.nextTick
	for _, t := range [...]time.Time{c.nextCheck, c.nextFlush} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	return next
}

// due reports whether a time is set and has come.
func due(t, now time.Time) bool { return !t.IsZero() && !now.Before(t) }

func (c *core) send(to peer.ID, m *message) { c.out = append(c.out, outgoing{to, m}) }

func (c *core) tell(e Event) { c.events = append(c.events, e) }

// changed notes that something about a member is to be stored, and that the
// roster is another.
func (c *core) changed(m *member) {
	c.roster.stale = true
	c.dirty[m] = struct{}{}
}
