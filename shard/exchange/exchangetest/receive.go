package exchangetest

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Receive implements exchange.Store.
func (s *Store) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	if lot.Offer.Grant != shard.GrantDigest(lot.SignedGrant) || lot.Peer == "" {
		return time.Time{}, fmt.Errorf("lot that was not verified: %w", wire.ErrInternal)
	}
	o := lot.Offer
	key := lease{string(lot.Grant.Admin), o.Shard, o.Segment, o.Index}
	end, done, err := s.begin(key, lot)
	if done || err != nil {
		return end, err
	}
	defer s.finish(key, lot)
	kept := s.takePartial(key)
	from, err := ready(int64(len(kept)))
	if err != nil {
		s.keepPartial(key, kept)
		return time.Time{}, fmt.Errorf("ready: %w", err)
	}
	data, err := s.read(ctx, kept, from, int(o.Length))
	if err != nil {
		s.keepPartial(key, data)
		return time.Time{}, fmt.Errorf("read: %w", err)
	}
	if shard.Sum(data) != o.Shard {
		return time.Time{}, wire.ErrDamaged
	}
	return s.commit(key, lot, data)
}

func (s *Store) begin(key lease, lot shard.Lot) (end time.Time, done bool, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted[key.admin] {
		return end, false, wire.ErrDeleted
	}
	_, have := s.leases[key]
	if have && s.shards[key.shard] != nil {
		return s.lease(key, lot), true, nil
	}
	if s.arriving[key] {
		return end, false, wire.ErrInProgress
	}
	if _, err := s.room(lot.Peer, int64(lot.Offer.Length)); err != nil {
		return end, false, err
	}
	s.arriving[key] = true
	if !have {
		s.used[lot.Peer] += int64(lot.Offer.Length)
	}
	return end, false, nil
}

func (s *Store) lease(key lease, lot shard.Lot) time.Time {
	o := lot.Offer
	end := s.now().Add(time.Duration(o.Lease) * time.Second)
	s.leases[key] = row{shard.Held{Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: end.Unix()}, lot.Peer, lot.Draft}
	return end
}

// finish ends a reservation that no lease took over.
func (s *Store) finish(key lease, lot shard.Lot) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.arriving, key)
	if _, have := s.leases[key]; !have {
		s.used[lot.Peer] -= int64(lot.Offer.Length)
	}
}

func (s *Store) read(ctx context.Context, data []byte, from io.Reader, length int) ([]byte, error) {
	buf := make([]byte, 32<<10)
	for len(data) < length {
		n, err := from.Read(buf)
		data = append(data, buf[:n]...)
		s.mu.Lock()
		s.delivered += int64(n)
		s.mu.Unlock()
		if err == io.EOF && len(data) < length {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && len(data) < length {
			return data, err
		}
		if ctx.Err() != nil {
			return data, context.Cause(ctx)
		}
	}
	if n, _ := from.Read(buf); n != 0 {
		return nil, fmt.Errorf("reader gave more than %d bytes: %w", length, wire.ErrInternal)
	}
	return data, nil
}

func (s *Store) commit(key lease, lot shard.Lot, data []byte) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.deleted[key.admin] {
		return time.Time{}, wire.ErrDeleted
	}
	s.shards[key.shard] = data
	return s.lease(key, lot), nil
}

func (s *Store) takePartial(key lease) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	data := s.partial[key]
	delete(s.partial, key)
	return data
}

func (s *Store) keepPartial(key lease, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.partial[key] = data
}
