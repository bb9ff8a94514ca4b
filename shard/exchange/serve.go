package exchange

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// request is one stream that a peer opened.
type request struct {
	network.Stream
	peer    peer.ID
	from    netip.Prefix
	payload []byte
}

// operation is how one kind of request is answered. An error of run goes back
// as a REJECT, unless it is [errCut].
type operation struct {
	name string
	run  func(*Server, context.Context, *request) error
}

var operations = map[byte]operation{
	opAsk:    {"ask", (*Server).ask},
	opOffer:  {"offer", (*Server).offer},
	opFetch:  {"fetch", (*Server).fetch},
	opList:   {"list", (*Server).list},
	opAudit:  {"audit", (*Server).audit},
	opRenew:  {"renew", (*Server).renew},
	opDelete: {"delete", (*Server).delete},

	opNotePut: {"note_put", (*Server).notePut},
	opNoteGet: {"note_get", (*Server).noteGet},
	opKeep:    {"keep", (*Server).keep},
	opTurn:    {"turn", (*Server).turn},
}

// errCut means that an answer broke off where no REJECT can stand: the stream
// is reset instead.
var errCut = errors.New("answer was cut off")

// errGone means that there is nobody left to answer.
var errGone = errors.New("peer has gone")

// lost marks what a stream says when its other end is no more. Timeouts and
// the peer's own faults stay as they are.
func lost(err error) error {
	var e *wire.Error
	if timedOut(err) || errors.As(err, &e) || errors.Is(err, wire.ErrTooLarge) {
		return err
	}
	return fmt.Errorf("%w: %w", errGone, err)
}

// handle serves one stream. A panic in it is not caught: it would leave locks
// and counters in doubt, so it takes the node down, whose files stand that at
// any point.
func (s *Server) handle(ctx context.Context, st network.Stream) {
	if !s.enter(st) {
		_ = st.ResetWithError(network.StreamShutdown)
		return
	}
	defer s.leave(st)
	r := &request{Stream: st, peer: st.Conn().RemotePeer(), from: prefixOf(st.Conn().RemoteMultiaddr())}
	name, err := s.answer(ctx, r)
	if err != nil {
		s.refuse(ctx, r, name, err)
	} else {
		_ = st.Close()
	}
	s.metrics.operations.WithLabelValues(name, outcome(err)).Inc()
}

func (s *Server) answer(ctx context.Context, r *request) (name string, err error) {
	name = "none"
	_ = r.SetDeadline(time.Now().Add(s.cfg.Timeouts.Answer))
	if err := s.streams.enter(r.peer, r.from, 0); err != nil {
		return name, err
	}
	defer s.streams.leave(r.peer, r.from, 0)
	kind, payload, err := wire.ReadFrameOf(r, func(kind byte) (int, error) {
		op, known := operations[kind]
		if !known {
			return 0, wire.ErrUnsupported.With("operation %d is not supported", kind)
		}
		name = op.name
		return maxRequest, nil
	})
	if err != nil {
		return name, explain(ctx, lost(err))
	}
	r.payload = payload
	_ = r.SetReadDeadline(time.Time{})
	return name, explain(ctx, operations[kind].run(s, ctx, r))
}

// refuse answers err. Close and not Reset: what a reset overtakes is lost to
// the reader.
func (s *Server) refuse(ctx context.Context, r *request, name string, err error) {
	if errors.Is(err, wire.ErrTooLarge) {
		err = wire.ErrTooBig.With("request of more than %d bytes", maxRequest)
	}
	switch outcome(err) {
	case outcomeGone:
		_ = r.Reset()
		return
	case outcomeInternal:
		s.log.WarnContext(ctx, "operation failed", "operation", name, "peer", r.peer, "err", err)
	default:
		s.log.DebugContext(ctx, "operation refused", "operation", name, "peer", r.peer, "err", err)
	}
	_ = r.SetWriteDeadline(time.Now().Add(s.cfg.Timeouts.Answer))
	if errors.Is(err, errCut) || wire.WriteError(r, err) != nil {
		_ = r.Reset()
		return
	}
	_ = r.Close()
}

// reply writes the answer that ends a request.
func (s *Server) reply(r *request, kind byte, message any) error {
	_ = r.SetWriteDeadline(time.Now().Add(s.cfg.Timeouts.Idle))
	if err := wire.WriteMessage(r, kind, message); err != nil {
		return fmt.Errorf("%w: %w", errCut, lost(err))
	}
	return nil
}
