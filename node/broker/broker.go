package broker

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/core/transport"
	"github.com/libp2p/go-libp2p/p2p/net/swarm"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/wire"
)

// ErrUnreachable means that nothing that was tried led to a peer.
var ErrUnreachable = errors.New("peer cannot be reached")

// ErrRelayOnly means that a peer is reached through a relay only, whose owner
// does not let it carry bulk bytes.
var ErrRelayOnly = errors.New("peer is behind a relay that carries no bulk bytes")

// Config is what a [Broker] works with. Host and Mesh must be set.
type Config struct {
	Host host.Host
	Mesh string
	// FindPeer returns the addresses at which the routing layer finds a peer, and
	// leaves connections to peers that know it. Nil: it is not asked.
	FindPeer func(ctx context.Context, p peer.ID) (peer.AddrInfo, error)
	// Mapping returns the outside address of a port mapping for an address that is
	// listened at, nil if there is none. Nil: there are no mappings.
	Mapping func(listen ma.Multiaddr) ma.Multiaddr
	// Quiet are protocols whose streams stay open for as long as a connection does:
	// they do not make it one in use, which is looked at more often, and a peer that
	// could not be reached is looked for more seldom for them.
	Quiet []protocol.ID
	// Heard returns when a message came from a peer itself, zero if none did: one
	// that is heard need not be looked at. Nil: nobody listens.
	Heard func(p peer.ID) time.Time
	// Relaying is the budget of the host's relay service; nil if it has none.
	Relaying *Budget
	// Trace is told of every step, as it happens; it must not block. Nil: nobody.
	Trace func(Step)
	// Logger gets what happens; nil discards it.
	Logger *slog.Logger
	// Registerer gets the metrics, batchain_broker_…; nil: nobody does.
	Registerer prometheus.Registerer
}

// Broker reaches peers, introduces others, and answers introductions. It is safe
// for concurrent use.
type Broker struct {
	cfg     Config
	host    host.Host
	network dialer
	log     *slog.Logger
	metrics *metrics
	paths   *paths
	self    *self

	askers, nets, targets, pairs, dials, dialled, observes allowance

	ctx   context.Context // of attempts; ended by Close
	end   context.CancelFunc
	jobs  sync.WaitGroup
	mu    sync.Mutex
	tries map[peer.ID]*attempt
	shut  bool

	elsewhere chan struct{} // holds one token when this node may be elsewhere than it was

	oneself *oneself // nil until it is needed
}

// dialer is what is asked of libp2p's swarm beyond network.Network.
type dialer interface {
	network.Network
	TransportForDialing(ma.Multiaddr) transport.Transport
	Backoff() *swarm.DialBackoff
}

// New returns a broker that reaches peers; others are served by [Broker.Run].
// Close ends it.
func New(cfg Config) (*Broker, error) {
	if err := wire.ValidMesh(cfg.Mesh); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	network, ok := cfg.Host.Network().(dialer)
	if !ok {
		return nil, fmt.Errorf("broker: a network of type %T cannot dial as it must", cfg.Host.Network())
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	b := &Broker{
		cfg: cfg, host: cfg.Host, network: network, log: cfg.Logger, metrics: newMetrics(),
		paths: newPaths(), tries: map[peer.ID]*attempt{}, elsewhere: make(chan struct{}, 1),
		askers:   allowance{perKey: requestsPerAsker, total: requestsInTotal},
		targets:  allowance{perKey: requestsPerTarget},
		pairs:    allowance{perKey: requestsPerPair},
		nets:     allowance{perKey: requestsPerNet},
		dials:    allowance{perKey: dialsPerBroker, total: dialsInTotal},
		dialled:  allowance{perKey: dialsPerIP},
		observes: allowance{perKey: observesPerPeer},
	}
	if err := b.metrics.register(cfg.Registerer); err != nil {
		return nil, fmt.Errorf("broker: %w", err)
	}
	if cfg.Relaying != nil {
		carrier := cfg.Host.Network()
		cfg.Relaying.network.Store(&carrier)
	}
	b.self = newSelf(b)
	b.ctx, b.end = context.WithCancel(context.Background())
	return b, nil
}

// Close ends every attempt, and the streams of the node to itself, and waits for them. The host stays open.
func (b *Broker) Close() error {
	b.mu.Lock()
	b.shut = true
	b.mu.Unlock()
	b.end()
	b.jobs.Wait()
	b.oneself.close()
	return nil
}

// begin counts a goroutine that Close waits for; false once it is too late.
func (b *Broker) begin() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.shut {
		return false
	}
	b.jobs.Add(1)
	return true
}

// Run answers other peers and closes connections that are left over, until ctx
// ends.
func (b *Broker) Run(ctx context.Context) error {
	id := ProtocolID(b.cfg.Mesh)
	b.host.SetStreamHandler(id, b.handle)
	defer b.host.RemoveStreamHandler(id)
	met := &network.NotifyBundle{ConnectedF: func(_ network.Network, c network.Conn) { b.replaced(c) }}
	b.network.Notify(met)
	defer b.network.StopNotify(met)
	var pulse sync.WaitGroup
	pulse.Go(func() { b.pulse(ctx) })
	defer pulse.Wait()
	look := time.NewTicker(pruneEvery)
	defer look.Stop()
	survey, soon := time.NewTimer(surveyFirst), surveySoon
	defer survey.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
			b.prune(pruneAge)
		case <-survey.C:
			b.self.survey(ctx)
			again := surveyEvery
			if b.NAT() == "" {
				again, soon = soon, min(2*soon, surveyEvery)
			}
			survey.Reset(again)
		case <-b.elsewhere:
			survey.Reset(0)
		}
	}
}

// direct returns the direct connections to a peer.
func (b *Broker) direct(p peer.ID) []network.Conn {
	var conns []network.Conn
	for _, c := range b.network.ConnsToPeer(p) {
		if !c.IsClosed() && !relayed(c) {
			conns = append(conns, c)
		}
	}
	return conns
}

// trace tells of a step.
func (b *Broker) trace(s Step) {
	b.log.Debug("step", "step", s.Name, "peer", s.Peer, "via", s.Via, "err", s.Err)
	if b.cfg.Trace != nil {
		b.cfg.Trace(s)
	}
}
