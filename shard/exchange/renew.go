package exchange

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Renew has a host prolong its leases by order, one of [shard.OrderRenew] with
// a lease, signed with the repair key. It returns one receipt for each shard
// that the host still keeps, at most 256, and, where the order names no spots,
// the cursor to sign into the order for the next page, nil on the last one.
//
// The receipts are verified: by [shard.OpenRenewal] with the order's lease,
// timely, each for another spot and, where the order names spots, for one of
// those. A spot without a receipt is not kept.
func (c *Client) Renew(ctx context.Context, p peer.ID, grant, order wire.Signed) (receipts []wire.Signed, next []byte, err error) {
	var m renewedMessage
	err = c.simple(ctx, p, c.timeouts.Idle, opRenew, orderMessage{grant, order}, ansRenewed, maxHeld, &m)
	if err == nil {
		err = c.checkRenewed(p, grant, order, m)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("renew at %s: %w", p, err)
	}
	return m.Receipts, m.Next, nil
}

func (c *Client) checkRenewed(p peer.ID, grant, order wire.Signed, m renewedMessage) error {
	if len(m.Receipts) > maxRenewed || len(m.Next) > maxCursor {
		return fmt.Errorf("%w: %d receipts and a cursor of %d bytes", ErrProtocol, len(m.Receipts), len(m.Next))
	}
	var o shard.Order
	if err := wire.Unmarshal(order.Body, &o); err != nil {
		return fmt.Errorf("order: %w", err)
	}
	digest, seen := shard.GrantDigest(grant), map[shard.Spot]bool{}
	for _, signed := range m.Receipts {
		r, err := shard.OpenRenewal(signed, p, c.mesh, digest, o.Lease)
		if err == nil {
			err = r.Timely(time.Now())
		}
		if err != nil {
			return fmt.Errorf("%w: %w", ErrProtocol, err)
		}
		at := shard.Spot{Shard: r.Shard, Segment: r.Segment, Index: r.Index}
		if seen[at] || (len(o.Spots) > 0 && !slices.Contains(o.Spots, at)) {
			return fmt.Errorf("%w: receipt for segment %d, index %d out of place", ErrProtocol, r.Segment, r.Index)
		}
		seen[at] = true
	}
	return nil
}

// renew prolongs leases and signs a receipt for each.
func (s *Server) renew(_ context.Context, r *request) error {
	g, o, err := s.openOrder(r, shard.OrderRenew)
	if err != nil {
		return err
	}
	if err := checkLease(o.Lease); err != nil {
		return err
	}
	if err := s.renewals.left(r.peer, r.from); err != nil {
		return err
	}
	rows, next, err := s.cfg.Store.Renew(g, o.Spots, time.Duration(o.Lease)*time.Second, o.Cursor, maxRenewed)
	if err != nil {
		return fmt.Errorf("renew: %w", err)
	}
	if len(rows) > maxRenewed || len(next) > maxCursor {
		return fmt.Errorf("renew: store gave %d rows and a cursor of %d bytes", len(rows), len(next))
	}
	s.renewals.spend(r.peer, r.from, 1+len(rows))
	m := renewedMessage{Receipts: make([]wire.Signed, len(rows)), Next: next}
	for i, row := range rows {
		kept := shard.Offer{Grant: o.Grant, Shard: row.Shard, Segment: row.Segment, Index: row.Index, Length: row.Length}
		if m.Receipts[i], err = s.receipt(kept, time.Unix(row.LeaseEnd, 0)); err != nil {
			return err
		}
	}
	return s.reply(r, ansRenewed, m)
}
