package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// fetch sends one shard, or a part of it.
func (s *Server) fetch(_ context.Context, r *request) error {
	var m fetchMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return err
	}
	from, total, err := s.cfg.Store.Open(m.Shard)
	if err != nil {
		return err
	}
	defer from.Close()
	if total > shard.MaxShardLength {
		return fmt.Errorf("fetch %s: %d bytes in the store", m.Shard, total)
	}
	length := max(total-int64(m.Offset), 0)
	if m.Length > 0 {
		length = min(length, int64(m.Length))
	}
	done, err := s.begin(r, &s.out, "out", length)
	if err != nil {
		return err
	}
	defer done()
	if _, err := from.Seek(int64(m.Offset), io.SeekStart); err != nil {
		return fmt.Errorf("fetch %s: %w", m.Shard, err)
	}
	if err := s.reply(r, ansBytes, bytesMessage{uint32(length), uint32(total)}); err != nil {
		return err
	}
	if err := s.copyOut(r, from, length); err != nil {
		return fmt.Errorf("%w: fetch %s: %w", errCut, m.Shard, err)
	}
	return nil
}

func (s *Server) copyOut(r *request, from io.Reader, length int64) error {
	out := s.cfg.Timeouts.pace(r.Stream, length)
	count := s.metrics.bytes.WithLabelValues("out")
	buf := s.buffers.Get().(*[BulkSize]byte)
	defer s.buffers.Put(buf)
	for length > 0 {
		part := buf[:min(length, BulkSize)]
		if _, err := io.ReadFull(from, part); err != nil {
			return err
		}
		n, err := out.Write(part)
		count.Add(float64(n))
		if err != nil {
			return lost(err)
		}
		length -= int64(n)
	}
	return nil
}

// sendParts sends raw parts, one after the other.
func (s *Server) sendParts(r *request, parts [][]byte) error {
	var total int64
	for _, part := range parts {
		total += int64(len(part))
	}
	out := s.cfg.Timeouts.pace(r.Stream, total)
	count := s.metrics.bytes.WithLabelValues("out")
	for _, part := range parts {
		n, err := out.Write(part)
		count.Add(float64(n))
		if err != nil {
			return fmt.Errorf("%w: %w", errCut, lost(err))
		}
	}
	return nil
}

// ask says how much room there is for the peer, and holds what it asks for.
func (s *Server) ask(_ context.Context, r *request) error {
	var m askMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return err
	}
	if err := checkLease(m.Lease); err != nil {
		return err
	}
	if m.Bytes > maxAskedRoom {
		return wire.ErrTooBig.With("room for %d bytes", m.Bytes)
	}
	free, err := s.cfg.Store.Hold(r.peer, r.from, int64(m.Bytes))
	return s.room(r, free, err)
}

// room answers an ASK. Only the errors that say "no room" are answers.
func (s *Server) room(r *request, free int64, err error) error {
	m := roomMessage{Takes: err == nil, Free: uint64(max(free, 0))}
	if err != nil && !errors.As(err, &m.Why) {
		return err
	}
	return s.reply(r, ansRoom, m)
}

// list shows an owner what is held of a file.
func (s *Server) list(_ context.Context, r *request) error {
	g, o, err := s.openOrder(r, shard.OrderList)
	if err != nil {
		return err
	}
	rows, next, err := s.cfg.Store.Held(g.Admin, o.Cursor, maxRows)
	if err != nil {
		return err
	}
	if len(rows) > maxRows || len(next) > maxCursor {
		return fmt.Errorf("list: store gave %d rows and a cursor of %d bytes", len(rows), len(next))
	}
	return s.reply(r, ansHeld, heldMessage{rows, next})
}

// delete drops a file for its owner.
func (s *Server) delete(_ context.Context, r *request) error {
	g, _, err := s.openOrder(r, shard.OrderDelete)
	if err != nil {
		return err
	}
	count, err := s.cfg.Store.Delete(g)
	if err != nil {
		return err
	}
	if s.cfg.Keeper != nil {
		if err := s.cfg.Keeper.Forget(g); err != nil {
			return fmt.Errorf("forget: %w", err)
		}
	}
	return s.reply(r, ansDeleted, deletedMessage{uint32(min(count, math.MaxUint32))})
}

// openOrder verifies all that an order says: a DELETE is signed by the admin
// key, the others by the repair key.
func (s *Server) openOrder(r *request, kind string) (shard.Grant, shard.Order, error) {
	var m orderMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return shard.Grant{}, shard.Order{}, err
	}
	g, err := shard.OpenGrant(m.Grant, s.cfg.Mesh)
	if err != nil {
		return shard.Grant{}, shard.Order{}, err
	}
	key := g.Repair
	if kind == shard.OrderDelete {
		key = g.Admin
	}
	o, err := shard.OpenOrder(m.Order, key, kind, s.cfg.Mesh, shard.GrantDigest(m.Grant), s.cfg.Host.ID(), s.cfg.Now())
	if err == nil && len(o.Cursor) > maxCursor {
		err = wire.ErrBadRequest.With("cursor of %d bytes", len(o.Cursor))
	}
	return g, o, err
}
