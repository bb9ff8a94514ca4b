package gossip

import (
	"cmp"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/wire"
)

// Config is what a [Gossiper] works with. Key, Mesh and Transport are needed.
type Config struct {
	Key       ed25519.PrivateKey // the node's; its public half is its peer id
	Mesh      string             // see [wire.ValidMesh]; members of other meshes are strangers
	Transport Transport          // one of this Gossiper alone
	Store     Store              // where incarnation and members outlive the process; nil: memory

	// Seeds returns peers to begin with and to fall back on. It is called at
	// most once a round and must not block; nil: none.
	Seeds func() []peer.ID
	// Important reports whether a peer must be watched however large the mesh
	// grows, as one that holds our shards. It must not block; nil: none.
	Important func(peer.ID) bool
	// Silent makes one that listens and is no member: it asks its seeds and
	// those it hears of what they know, says nothing of itself, and others do
	// not hear that it was there.
	Silent bool
	// Trace is told of every message that is sent, and of every one that came
	// and is taken [deltas send, deltas receive, digest send, digest receive]. It
	// is called by the loop and must not block; nil: nobody is told.
	Trace func(Traced)

	Options    Options
	Rand       *rand.Rand // chooses partners; nil: seeded by chance
	Logger     *slog.Logger
	Registerer prometheus.Registerer
}

// Phi names how silence becomes suspicion.
type Phi uint8

// The distributions of the time between two heartbeats.
const (
	Normal      Phi = 1 // the normal distribution of Hayashibara's paper; the default
	Exponential Phi = 2 // t / mean / ln 10, as gossipmonger and Cassandra have it: two to three times as slow
)

// Options tunes a [Gossiper]. Zero fields are the defaults, a negative number
// of them is none. Names in brackets are those of gossipmonger, where it had
// the option.
type Options struct {
	Interval time.Duration // between two rounds and two heartbeats, ±10 %: 1 s [GOSSIP_INTERVAL 1000]
	Fanout   int           // exchanges begun in a round: 3 [always 1]
	Push     int           // peers to which something new is pushed at once: 4 [never]
	Delay    time.Duration // for which news are gathered before they are pushed: 20 ms

	MaxDeltas int // records in a message: 512 [MAX_DELTAS_PER_GOSSIP 5]
	MaxBytes  int // of them, at most 128 KiB: 64 KiB
	MinLive   int // live members below which seeds are asked too: 1 [MINIMUM_LIVE_PEERS 1]

	Phi        Phi           // [Normal]
	SuspectPhi float64       // phi at which a member is probed: 5
	DeadPhi    float64       // phi above which it is dead when the probes failed: 8 [DEAD_PEER_PHI 8]
	Window     int           // intervals that are remembered of a member, at most 1000: 200 [100]
	Margin     time.Duration // silence that is granted to everybody: 1 s
	Probing    time.Duration // for how long a suspect may answer a probe: 2 s

	Grace          time.Duration // after its last heartbeat a dead member is forgotten: 24 h
	TombstoneGrace time.Duration // after which an own deletion is forgotten: 2 h
	Neighbourhood  int           // members that are watched beside the important ones: 128
	SetRate        float64       // own changes in a second that are admitted at first: 100
}

func (o Options) withDefaults() Options {
	o.Interval = cmp.Or(o.Interval, time.Second)
	o.Fanout = number(o.Fanout, 3)
	o.Push = number(o.Push, 4)
	o.Delay = cmp.Or(o.Delay, 20*time.Millisecond)
	o.MaxDeltas = number(o.MaxDeltas, 512)
	o.MaxBytes = min(max(number(o.MaxBytes, 64<<10), 2*maxRecord), MaxMessage/2)
	o.MinLive = number(o.MinLive, 1)
	o.Phi = cmp.Or(o.Phi, Normal)
	o.SuspectPhi = cmp.Or(o.SuspectPhi, 5)
	o.DeadPhi = cmp.Or(o.DeadPhi, 8)
	o.Window = min(number(o.Window, 200), maxWindow)
	o.Margin = max(cmp.Or(o.Margin, o.Interval), 0)
	o.Probing = max(cmp.Or(o.Probing, 2*o.Interval), 0)
	o.Grace = cmp.Or(o.Grace, 24*time.Hour)
	o.TombstoneGrace = cmp.Or(o.TombstoneGrace, 2*time.Hour)
	o.Neighbourhood = min(number(o.Neighbourhood, 128), maxMembers)
	o.SetRate = cmp.Or(o.SetRate, 100)
	return o
}

// number is n, or fallback when n is 0; what is negative is 0.
func number(n, fallback int) int { return max(cmp.Or(n, fallback), 0) }

func (o Options) validate() error {
	switch {
	case o.Interval < time.Millisecond:
		return fmt.Errorf("interval %v: at least 1 ms", o.Interval)
	case o.Phi != Normal && o.Phi != Exponential:
		return fmt.Errorf("phi %d is unknown", o.Phi)
	case o.SuspectPhi < 0 || o.DeadPhi < o.SuspectPhi:
		return fmt.Errorf("phi %v for suspects and %v for the dead: the second must not be smaller", o.SuspectPhi, o.DeadPhi)
	}
	return nil
}

func (c Config) withDefaults() (Config, error) {
	if len(c.Key) != ed25519.PrivateKeySize || c.Transport == nil {
		return c, errors.New("key and transport must be set")
	}
	if err := wire.ValidMesh(c.Mesh); err != nil {
		return c, err
	}
	c.Options = c.Options.withDefaults()
	if err := c.Options.validate(); err != nil {
		return c, err
	}
	if c.Store == nil {
		c.Store = NewMemoryStore()
	}
	if c.Seeds == nil {
		c.Seeds = func() []peer.ID { return nil }
	}
	if c.Important == nil {
		c.Important = func(peer.ID) bool { return false }
	}
	if c.Rand == nil {
		c.Rand = rand.New(rand.NewPCG(rand.Uint64(), rand.Uint64()))
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}
