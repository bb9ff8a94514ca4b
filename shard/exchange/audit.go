package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Audit has a host prove that it holds the leaves picked in order, which is one
// of [shard.OrderAudit] with so many picks, signed with the repair key. It
// returns the slices in their order, nil for what the host says it does not
// hold, and checks nothing of them but their number and lengths: the caller
// does, with [shard.VerifyLeaf].
func (c *Client) Audit(ctx context.Context, p peer.ID, grant, order wire.Signed, picks int) (slices [][]byte, err error) {
	if slices, err = c.audit(ctx, p, grant, order, picks); err != nil {
		return nil, fmt.Errorf("audit %s: %w", p, err)
	}
	return slices, nil
}

func (c *Client) audit(ctx context.Context, p peer.ID, grant, order wire.Signed, picks int) ([][]byte, error) {
	if picks < 1 || picks > shard.MaxPicks {
		return nil, wire.ErrBadRequest.With("%d picks; 1 to %d are taken", picks, shard.MaxPicks)
	}
	call, err := c.open(ctx, p)
	if err != nil {
		return nil, err
	}
	var slices [][]byte
	_, payload, err := call.request(c.timeouts.Idle, opAudit, orderMessage{grant, order}, map[byte]int{ansProof: maxAnswer})
	if err == nil {
		slices, err = c.readSlices(call, payload, picks)
	}
	return slices, call.end(err)
}

// readSlices reads the slices that a PROOF announces.
func (c *Client) readSlices(call *call, header []byte, picks int) ([][]byte, error) {
	var m proofMessage
	if err := decode(header, &m); err != nil {
		return nil, err
	}
	if len(m.Slices) != picks {
		return nil, fmt.Errorf("%w: %d slices for %d picks", ErrProtocol, len(m.Slices), picks)
	}
	for _, n := range m.Slices {
		if n > shard.MaxSlice {
			return nil, fmt.Errorf("%w: slice of %d bytes", ErrProtocol, n)
		}
	}
	return c.readParts(call, m.Slices)
}

// readParts reads raw parts of these lengths, which the caller has bounded; one
// of no length is nil.
func (c *Client) readParts(call *call, lengths []uint32) ([][]byte, error) {
	var total int64
	for _, n := range lengths {
		total += int64(n)
	}
	in := c.timeouts.pace(call.Stream, total)
	parts := make([][]byte, len(lengths))
	for i, n := range lengths {
		if n == 0 {
			continue
		}
		parts[i] = make([]byte, n)
		if _, err := io.ReadFull(in, parts[i]); err != nil {
			if errors.Is(err, io.EOF) {
				err = io.ErrUnexpectedEOF
			}
			return nil, err
		}
	}
	return parts, nil
}

// audit shows that the leaves asked for are here.
func (s *Server) audit(ctx context.Context, r *request) error {
	_, o, err := s.openOrder(r, shard.OrderAudit)
	if err != nil {
		return err
	}
	if len(o.Picks) == 0 {
		return wire.ErrBadRequest.With("no leaf is picked")
	}
	if err := s.leaves.left(r.peer, r.from); err != nil {
		return err
	}
	if err := s.answers.enter(r.peer, r.from, 0); err != nil {
		return err
	}
	defer s.answers.leave(r.peer, r.from, 0)
	s.leaves.spend(r.peer, r.from, len(o.Picks))
	m, slices := proofMessage{make([]uint32, len(o.Picks))}, make([][]byte, len(o.Picks))
	for i, pick := range o.Picks {
		if slices[i], err = s.prove(pick); err != nil {
			return err
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.Slices[i] = uint32(len(slices[i]))
	}
	if err := s.reply(r, ansProof, m); err != nil {
		return err
	}
	return s.sendParts(r, slices)
}

// prove returns the slice of one leaf, nil when it is not here any more or
// never was.
func (s *Server) prove(pick shard.Pick) ([]byte, error) {
	slice, err := s.cfg.Store.Prove(pick.Shard, pick.Leaf)
	switch {
	case errors.Is(err, wire.ErrNotFound), errors.Is(err, wire.ErrDamaged), errors.Is(err, wire.ErrBadRequest):
		return nil, nil
	case err != nil:
		return nil, fmt.Errorf("prove leaf %d of %s: %w", pick.Leaf, pick.Shard, err)
	case len(slice) > shard.MaxSlice:
		return nil, fmt.Errorf("prove leaf %d of %s: store gave %d bytes", pick.Leaf, pick.Shard, len(slice))
	}
	return slice, nil
}
