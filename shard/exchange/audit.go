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
	return wire.ErrUnsupported
}
