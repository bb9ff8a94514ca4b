package exchange

import (
	"context"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Keep entrusts a peer with a file. manifest is read for exactly c.Manifest
// bytes, and may be nil when there are none. When it returns nil, the peer has
// all of it on its disk. [wire.ErrUnsupported] means that it keeps nothing for
// others.
func (c *Client) Keep(ctx context.Context, p peer.ID, charge shard.Charge, manifest io.Reader) error {
	return fmt.Errorf("entrust %s: %w", p, wire.ErrUnsupported)
}

// Turn asks a keeper how a file fares. The order is one of [shard.OrderTurn],
// signed with the repair key. [wire.ErrNotFound] means that it does not keep it.
func (c *Client) Turn(ctx context.Context, p peer.ID, grant, order wire.Signed) (shard.Turn, error) {
	var m turnedMessage
	if err := c.simple(ctx, p, c.timeouts.Answer, opTurn, orderMessage{grant, order}, ansTurned, maxAnswer, &m); err != nil {
		return shard.Turn{}, fmt.Errorf("turn of %s: %w", p, err)
	}
	return m.Turn, nil
}

// keep takes in a charge.
func (s *Server) keep(ctx context.Context, r *request) error {
	return wire.ErrUnsupported
}

// turn says how a file that is kept here fares.
func (s *Server) turn(ctx context.Context, r *request) error {
	return wire.ErrUnsupported
}
