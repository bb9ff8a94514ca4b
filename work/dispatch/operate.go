package dispatch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

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

// errCut means that an answer broke off where no error can stand.
var errCut = errors.New("answer was cut off")

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
