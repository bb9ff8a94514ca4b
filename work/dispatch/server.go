package dispatch

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

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

// errCut means that an answer broke off where no error can stand.
var errCut = errors.New("answer was cut off")

// requestLimits says what a request of each kind may weigh.
var requestLimits = map[byte]int{
	opHello: maxSmall, opProve: maxSmall, opRequest: maxWish, opSubmit: maxSubmit, opBeat: maxBeats, opModule: maxSmall,
}

func (s *Server) answer(ctx context.Context, st network.Stream) error {
	_ = st.SetDeadline(time.Now().Add(s.cfg.Session))
	kind, payload, err := wire.ReadFrameOf(st, func(kind byte) (int, error) {
		most, known := requestLimits[kind]
		if !known {
			return 0, wire.ErrUnsupported.With("operation %d is not supported", kind)
		}
		return most, nil
	})
	switch {
	case errors.Is(err, wire.ErrTooLarge):
		return wire.ErrTooBig.With("the request is too large")
	case err != nil:
		return err
	case len(payload) == 0:
		return work.ErrPayloadMissing
	}
	bee := work.Member{Peer: st.Conn().RemotePeer(), Network: networkOf(st.Conn().RemoteMultiaddr())}
	return s.operate(ctx, st, kind, payload, bee)
}

func (s *Server) operate(ctx context.Context, st network.Stream, kind byte, payload []byte, bee work.Member) error {
	switch kind {
	case opHello:
		return s.hello(ctx, st, payload, bee)
	case opProve:
		return s.prove(ctx, st, payload, bee)
	case opRequest:
		return s.request(ctx, st, payload, bee)
	case opSubmit:
		return s.submit(ctx, st, payload, bee)
	case opBeat:
		return s.beat(ctx, st, payload, bee)
	}
	return s.module(st, payload)
}

func (s *Server) hello(ctx context.Context, st network.Stream, payload []byte, bee work.Member) (err error) {
	var m helloMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return err
	}
	if bee.Owner, err = m.owner(s.cfg.Mesh, bee.Peer); err != nil {
		return err
	}
	until, challenge, err := s.cfg.Hive.Hello(ctx, bee)
	if err != nil {
		return err
	}
	return s.reply(st, ansWelcome, welcomeMessage{until, challenge})
}

func (s *Server) prove(ctx context.Context, st network.Stream, payload []byte, bee work.Member) (err error) {
	var m proveMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return err
	}
	if bee.Owner, err = m.Hello.owner(s.cfg.Mesh, bee.Peer); err != nil {
		return err
	}
	until, err := s.cfg.Hive.Prove(ctx, bee, m.Proof)
	if err != nil {
		return err
	}
	return s.reply(st, ansWelcome, welcomeMessage{Until: until})
}

func (s *Server) request(ctx context.Context, st network.Stream, payload []byte, bee work.Member) error {
	var wish work.Wish
	if err := wire.Unmarshal(payload, &wish); err != nil {
		return err
	}
	if wish.Slots == 0 || len(wish.Kinds) == 0 {
		return work.ErrParametersMissing
	}
	if len(wish.Kinds) > work.MaxNames || len(wish.Names) > work.MaxNames {
		return wire.ErrTooBig.With("more than %d programs", work.MaxNames)
	}
	ctx, cancel := s.whileOpen(ctx, st, wish.Wait)
	defer cancel()
	batch, err := s.cfg.Hive.Request(ctx, bee, wish)
	if err != nil {
		return err
	}
	return s.reply(st, ansWork, batch)
}

// whileOpen returns a context that ends when the bee goes away while it waits.
func (s *Server) whileOpen(ctx context.Context, st network.Stream, wait time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	_ = st.SetReadDeadline(time.Now().Add(min(max(0, wait), work.MaxWait) + s.cfg.Session))
	s.done.Go(func() {
		var extra [1]byte
		if _, err := st.Read(extra[:]); !errors.Is(err, io.EOF) {
			cancel() // a bee that only has closed its side still listens
		}
	})
	return ctx, func() {
		cancel()
		_ = st.CloseRead()
	}
}

func (s *Server) submit(ctx context.Context, st network.Stream, payload []byte, bee work.Member) error {
	var m submitMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return err
	}
	verdicts, err := s.cfg.Hive.Submit(ctx, bee, m.Results)
	if err != nil {
		return err
	}
	codes := make([]wire.Code, len(verdicts))
	for i, verdict := range verdicts {
		codes[i] = work.Code(verdict)
	}
	return s.reply(st, ansVerdicts, verdictsMessage{codes})
}

func (s *Server) beat(ctx context.Context, st network.Stream, payload []byte, bee work.Member) error {
	var m beatMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return err
	}
	orders, err := s.cfg.Hive.Beat(ctx, bee, m.Beats)
	if err != nil {
		return err
	}
	return s.reply(st, ansOrders, ordersMessage{orders})
}

// moduleRate is the slowest that a module may go out, in bytes a second.
const moduleRate = 16 << 10

func (s *Server) module(st network.Stream, payload []byte) error {
	var m moduleMessage
	if err := wire.Unmarshal(payload, &m); err != nil {
		return err
	}
	if len(m.Hash) != sha256.Size {
		return work.ErrParametersMissing
	}
	if s.cfg.Modules == nil {
		return wire.ErrNotFound
	}
	r, length, err := s.cfg.Modules.Open([sha256.Size]byte(m.Hash))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := s.reply(st, ansModule, bytesMessage{uint32(length)}); err != nil {
		return err
	}
	_ = st.SetWriteDeadline(time.Now().Add(s.cfg.Session + time.Duration(length/moduleRate)*time.Second))
	if _, err := io.CopyN(st, r, length); err != nil {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return nil
}

// reply writes the answer that ends a request.
func (s *Server) reply(st network.Stream, kind byte, message any) error {
	_ = st.SetWriteDeadline(time.Now().Add(s.cfg.Session))
	if err := wire.WriteMessage(st, kind, message); err != nil {
		return fmt.Errorf("%w: %w", errCut, err)
	}
	return nil
}

// networkOf returns the network that an address counts for: the /24 of IPv4,
// the /48 of IPv6. It is nil for loopback and for what has no IP.
func networkOf(addr ma.Multiaddr) []byte {
	raw, err := manet.ToIP(addr)
	if err != nil {
		return nil
	}
	ip, ok := netip.AddrFromSlice(raw)
	ip = ip.Unmap()
	if !ok || ip.IsLoopback() {
		return nil
	}
	bits := 48
	if ip.Is4() {
		bits = 24
	}
	prefix, err := ip.Prefix(bits)
	if err != nil {
		return nil
	}
	network, err := prefix.MarshalBinary()
	if err != nil {
		return nil
	}
	return network
}
