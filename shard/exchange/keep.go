package exchange

import (
	"context"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Keep entrusts a peer with a file. It reads exactly charge.Manifest bytes of
// manifest, which may be nil when there are none. When it returns nil, the peer
// has all of it on its disk. [wire.ErrUnsupported] means that it looks after
// nothing for others.
func (c *Client) Keep(ctx context.Context, p peer.ID, charge shard.Charge, manifest io.Reader) error {
	if err := c.keep(ctx, p, charge, manifest); err != nil {
		return fmt.Errorf("entrust %s: %w", p, err)
	}
	return nil
}

func (c *Client) keep(ctx context.Context, p peer.ID, charge shard.Charge, manifest io.Reader) error {
	if _, _, err := charge.Open(c.mesh); err != nil {
		return err
	}
	call, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	_, payload, err := call.request(c.timeouts.Answer, opKeep, keepMessage{charge}, map[byte]int{ansReady: maxAnswer})
	if err == nil {
		payload, err = c.pushWhole(call, payload, charge.Manifest, ansCharged, func(w io.Writer) error {
			return copyTo(w, manifest, charge.Manifest, call.Reset)
		})
	}
	if err == nil {
		err = decode(payload, &chargedMessage{})
	}
	return call.end(err)
}

// copyTo writes length bytes of from. When from fails it gives the transfer up.
func copyTo(w io.Writer, from io.Reader, length int64, giveUp func() error) error {
	buf := make([]byte, min(length, BulkSize))
	for length > 0 {
		part := buf[:min(length, BulkSize)]
		if _, err := io.ReadFull(from, part); err != nil {
			_ = giveUp()
			return fmt.Errorf("manifest: %w", err)
		}
		if err := write(w, part, nil); err != nil {
			return err
		}
		length -= int64(len(part))
	}
	return nil
}

// Turn asks a keeper how a file fares. The order is one of [shard.OrderTurn],
// signed with the repair key. [wire.ErrNotFound] means that it does not keep
// it, [wire.ErrUnsupported] that it keeps nothing.
func (c *Client) Turn(ctx context.Context, p peer.ID, grant, order wire.Signed) (shard.Turn, error) {
	var m turnedMessage
	err := c.simple(ctx, p, c.timeouts.Answer, opTurn, orderMessage{grant, order}, ansTurned, maxAnswer, &m)
	if err == nil && (len(m.Turn.Keepers) > shard.MaxKeepers || m.Turn.Checked < 0) {
		err = fmt.Errorf("%w: %d keepers, checked at %d", ErrProtocol, len(m.Turn.Keepers), m.Turn.Checked)
	}
	if err != nil {
		return shard.Turn{}, fmt.Errorf("turn of %s: %w", p, err)
	}
	return m.Turn, nil
}

// errKeepsNothing is what a host without a [Keeper] answers.
var errKeepsNothing = wire.ErrUnsupported.With("this host keeps nothing for others")

// keep takes in a charge. What it holds is secret and goes to the Keeper alone.
func (s *Server) keep(ctx context.Context, r *request) error {
	if s.cfg.Keeper == nil {
		return errKeepsNothing
	}
	var m keepMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return err
	}
	if _, _, err := m.Charge.Open(s.cfg.Mesh); err != nil {
		return err
	}
	done, err := s.begin(r, &s.in, "in", m.Charge.Manifest)
	if err != nil {
		return err
	}
	defer done()
	in, err := s.take(r, 0, m.Charge.Manifest)
	if err != nil {
		return err
	}
	if err := s.cfg.Keeper.Keep(ctx, r.peer, r.from, m.Charge, in); err != nil {
		return fmt.Errorf("keep: %w", err)
	}
	if in.left > 0 {
		return fmt.Errorf("keep: the keeper left %d of %d bytes", in.left, m.Charge.Manifest)
	}
	return s.reply(r, ansCharged, chargedMessage{})
}

// turn says how a file that is kept here fares.
func (s *Server) turn(ctx context.Context, r *request) error {
	if s.cfg.Keeper == nil {
		return errKeepsNothing
	}
	g, o, err := s.openOrder(r, shard.OrderTurn)
	if err != nil {
		return err
	}
	t, err := s.cfg.Keeper.Turn(ctx, r.peer, g, o.Keeps)
	if err != nil {
		return fmt.Errorf("turn: %w", err)
	}
	if len(t.Keepers) > shard.MaxKeepers {
		return fmt.Errorf("turn: the keeper named %d", len(t.Keepers))
	}
	return s.reply(r, ansTurned, turnedMessage{t})
}
