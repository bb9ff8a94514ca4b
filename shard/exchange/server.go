package exchange

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Server answers the operations of other peers. It runs one goroutine for
// each open stream, which libp2p starts.
type Server struct {
	cfg     ServerConfig
	log     *slog.Logger
	metrics *metrics
	buffers sync.Pool // *[BulkSize]byte

	streams gate // every stream
	in, out gate // transfers
	answers gate // what is built in memory before it goes out

	leaves, renewals allowance

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
		answers:   gate{total: cfg.Limits.Answers, perPeer: cfg.Limits.PeerAnswers, perPrefix: cfg.Limits.PrefixAnswers},
		leaves:    allowance{what: "leaves are proven", perPeer: cfg.Limits.PeerLeaves},
		renewals:  allowance{what: "leases are renewed", perPeer: cfg.Limits.PeerRenewals},
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
