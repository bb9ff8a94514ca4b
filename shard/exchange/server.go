package exchange

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// ServerConfig is what a [Server] needs. Host, Key, Mesh and Store must be
// set; the rest has defaults.
type ServerConfig struct {
	Host  host.Host
	Key   ed25519.PrivateKey // the identity of Host: signs receipts
	Mesh  string             // see [wire.ValidMesh]
	Store Store

	Logger     *slog.Logger          // nil: discard
	Registerer prometheus.Registerer // nil: no metrics
	Now        func() time.Time      // the wall clock of receipts and orders; nil: time.Now

	Limits   Limits
	Timeouts Timeouts

	// Admit may refuse a transfer before any byte of it, with a
	// [*wire.Error]: the place for quotas over networks, since keys and peer
	// ids are free. from is the IPv4 /24 or IPv6 /48 the peer speaks from,
	// the zero Prefix on loopback; bytes are those of an OFFER. Nil admits
	// all. It must not block.
	Admit func(p peer.ID, from netip.Prefix, bytes int64) error
}

// Limits bounds what goes on at once at a host; what exceeds one is answered
// BUSY. Zero fields are the defaults. Transfers are counted twice over, those
// in (OFFER) apart from those out (FETCH), so that no flood of one stops the
// other.
type Limits struct {
	Streams       int // open streams, whatever they do; 1024
	PeerStreams   int // … of one peer; 64, below libp2p's 75 per protocol
	PrefixStreams int // … of one network prefix; 512

	Transfers       int   // transfers one way; 128
	PeerTransfers   int   // … of one peer; 16
	PrefixTransfers int   // … of one network prefix; 64
	PeerBytes       int64 // … of one peer, sum of their lengths; 128 MiB
}

func (l Limits) withDefaults() Limits {
	l.Streams = cmp.Or(l.Streams, 1024)
	l.PeerStreams = cmp.Or(l.PeerStreams, 64)
	l.PrefixStreams = cmp.Or(l.PrefixStreams, 512)
	l.Transfers = cmp.Or(l.Transfers, 128)
	l.PeerTransfers = cmp.Or(l.PeerTransfers, 16)
	l.PrefixTransfers = cmp.Or(l.PrefixTransfers, 64)
	l.PeerBytes = cmp.Or(l.PeerBytes, 128<<20)
	return l
}

func (l Limits) transfers() gate {
	return gate{total: l.Transfers, perPeer: l.PeerTransfers, perPrefix: l.PrefixTransfers, peerBytes: l.PeerBytes}
}

// Server answers the operations of other peers. It runs one goroutine for
// each open stream, which libp2p starts.
type Server struct {
	cfg     ServerConfig
	log     *slog.Logger
	metrics *metrics
	buffers sync.Pool // *[BulkSize]byte

	streams gate // every stream
	in, out gate // transfers

	mu        sync.Mutex
	open      map[network.Stream]struct{} // nil while Run does not serve
	receiving map[lotKey]*paced           // what OFFER is taking in
	done      sync.WaitGroup              // one for each in open
}

// NewServer returns a server that does nothing until [Server.Run].
func NewServer(cfg ServerConfig) *Server {
	cfg.Limits, cfg.Timeouts = cfg.Limits.withDefaults(), cfg.Timeouts.withDefaults()
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{
		cfg:       cfg,
		log:       cfg.Logger,
		metrics:   newMetrics(),
		buffers:   sync.Pool{New: func() any { return new([BulkSize]byte) }},
		streams:   gate{total: cfg.Limits.Streams, perPeer: cfg.Limits.PeerStreams, perPrefix: cfg.Limits.PrefixStreams},
		in:        cfg.Limits.transfers(),
		out:       cfg.Limits.transfers(),
		receiving: make(map[lotKey]*paced),
	}
}

// Run serves until ctx ends, then resets every stream, waits for all of them
// and returns nil. It returns at once with an error when the configuration
// cannot work or another Run is under way.
func (s *Server) Run(ctx context.Context) error {
	if err := s.check(); err != nil {
		return fmt.Errorf("exchange: %w", err)
	}
	s.mu.Lock()
	if s.open != nil {
		s.mu.Unlock()
		return errors.New("exchange: the server runs already")
	}
	s.open = make(map[network.Stream]struct{})
	s.mu.Unlock()
	defer s.shut()
	if s.cfg.Registerer != nil {
		unregister, err := s.metrics.register(s.cfg.Registerer)
		if err != nil {
			return fmt.Errorf("exchange: %w", err)
		}
		defer unregister()
	}
	id := ProtocolID(s.cfg.Mesh)
	s.cfg.Host.SetStreamHandler(id, func(st network.Stream) { s.handle(ctx, st) })
	defer s.cfg.Host.RemoveStreamHandler(id)
	<-ctx.Done()
	return nil
}

func (s *Server) check() error {
	if s.cfg.Host == nil || s.cfg.Store == nil || len(s.cfg.Key) != ed25519.PrivateKeySize {
		return errors.New("host, store and key must be set")
	}
	if err := wire.ValidMesh(s.cfg.Mesh); err != nil {
		return err
	}
	own, err := shard.PeerKey(s.cfg.Host.ID())
	if err != nil {
		return err
	}
	if !own.Equal(s.cfg.Key.Public()) {
		return errors.New("the key is not the host's: its receipts would not verify")
	}
	return nil
}

// shut ends every stream; one that arrives later finds open nil.
func (s *Server) shut() {
	s.mu.Lock()
	for st := range s.open {
		_ = st.ResetWithError(network.StreamShutdown)
	}
	s.open = nil
	s.mu.Unlock()
	s.done.Wait()
}

func (s *Server) enter(st network.Stream) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return false
	}
	s.open[st] = struct{}{}
	s.done.Add(1)
	return true
}

func (s *Server) leave(st network.Stream) {
	s.mu.Lock()
	delete(s.open, st) // of a nil map too
	s.mu.Unlock()
	s.done.Done()
}
