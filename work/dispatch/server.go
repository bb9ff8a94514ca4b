package dispatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// Hive is what a server asks. Its errors reach the bee where they wrap a
// [wire.Error], as those of package work do, and nothing of others does.
type Hive interface {
	Hello(ctx context.Context, bee work.Member) (until int64, challenge *work.Challenge, err error)
	Prove(ctx context.Context, bee work.Member, proof work.Proof) (until int64, err error)
	Request(ctx context.Context, bee work.Member, wish work.Wish) (work.Batch, error)
	Submit(ctx context.Context, bee work.Member, results []work.Result) ([]error, error)
	Beat(ctx context.Context, bee work.Member, beats []work.Beat) ([]work.Order, error)
}

// Modules has the modules that programs name.
type Modules interface {
	// Open returns the module with that SHA-256 and its length, or
	// [wire.ErrNotFound].
	Open(hash [sha256.Size]byte) (io.ReadCloser, int64, error)
}

// ServerConfig is what a [Server] needs. Host, Mesh and Hive must be set.
type ServerConfig struct {
	Host    host.Host
	Mesh    string // see [wire.ValidMesh]
	Hive    Hive
	Modules Modules // nil: MODULE is answered with not found

	Streams     int           // open at once; 1024
	PeerStreams int           // … of one bee; 16
	Session     time.Duration // that a stream may stand still; 30 s

	Logger *slog.Logger // nil: discard
}

// Server answers bees. It runs one goroutine for each open stream, which libp2p
// starts.
type Server struct {
	cfg ServerConfig
	log *slog.Logger

	mu    sync.Mutex
	open  map[network.Stream]struct{} // nil while Run does not serve
	peers map[string]int              // open streams of each
	done  sync.WaitGroup
}

// NewServer returns a server that does nothing until [Server.Run].
func NewServer(cfg ServerConfig) *Server {
	cfg.Streams = cmp.Or(cfg.Streams, 1024)
	cfg.PeerStreams = cmp.Or(cfg.PeerStreams, 16)
	cfg.Session = cmp.Or(cfg.Session, 30*time.Second)
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	return &Server{cfg: cfg, log: cfg.Logger}
}

// Run serves until ctx ends, then resets every stream, waits for all of them
// and returns nil.
func (s *Server) Run(ctx context.Context) error {
	if err := wire.ValidMesh(s.cfg.Mesh); err != nil {
		return fmt.Errorf("dispatch: %w", err)
	}
	s.mu.Lock()
	if s.open != nil {
		s.mu.Unlock()
		return errors.New("dispatch: the server runs already")
	}
	s.open, s.peers = map[network.Stream]struct{}{}, map[string]int{}
	s.mu.Unlock()
	id := ProtocolID(s.cfg.Mesh)
	s.cfg.Host.SetStreamHandler(id, func(st network.Stream) { s.handle(ctx, st) })
	<-ctx.Done()
	s.cfg.Host.RemoveStreamHandler(id)
	s.mu.Lock()
	for st := range s.open {
		_ = st.ResetWithError(network.StreamShutdown)
	}
	s.open = nil
	s.mu.Unlock()
	s.done.Wait()
	return nil
}

// enter counts a stream in, or says why it has no place.
func (s *Server) enter(st network.Stream) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open == nil {
		return false, nil
	}
	bee := string(st.Conn().RemotePeer())
	s.open[st] = struct{}{}
	s.peers[bee]++
	s.done.Add(1)
	if len(s.open) > s.cfg.Streams || s.peers[bee] > s.cfg.PeerStreams {
		return true, wire.ErrBusy
	}
	return true, nil
}

func (s *Server) leave(st network.Stream) {
	s.mu.Lock()
	delete(s.open, st)
	bee := string(st.Conn().RemotePeer())
	if s.peers[bee]--; s.peers[bee] <= 0 {
		delete(s.peers, bee)
	}
	s.mu.Unlock()
	s.done.Done()
}

// handle serves one stream.
func (s *Server) handle(ctx context.Context, st network.Stream) {
	in, busy := s.enter(st)
	if !in {
		_ = st.ResetWithError(network.StreamShutdown)
		return
	}
	defer s.leave(st)
	if busy == nil {
		busy = s.answer(ctx, st)
	}
	if busy != nil {
		s.log.DebugContext(ctx, "request refused", "peer", st.Conn().RemotePeer(), "err", busy)
		_ = st.SetWriteDeadline(time.Now().Add(s.cfg.Session))
		if errors.Is(busy, errCut) || wire.WriteError(st, busy) != nil {
			_ = st.Reset()
			return
		}
	}
	_ = st.Close()
}
