package exchangetest

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"io"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Store keeps shards in memory, as strictly as a real one: it believes no
// length and no hash, takes a lot in once at a time, keeps what a broken
// transfer brought, counts what is under way, and remembers deletions.
type Store struct {
	capacity, perPeer int64 // 0: no limit

	mu        sync.Mutex
	shards    map[shard.ID][]byte
	leases    map[lease]row
	arriving  map[lease]bool
	partial   map[lease][]byte
	deleted   map[string]bool // admin keys
	used      map[peer.ID]int64
	delivered int64
	now       func() time.Time
}

// lease names what is promised to one owner.
type lease struct {
	admin   string
	shard   shard.ID
	segment uint32
	index   uint8
}

type row struct {
	held shard.Held
	peer peer.ID
}

// NewStore returns an empty store without limits.
func NewStore() *Store {
	return &Store{
		shards: map[shard.ID][]byte{}, leases: map[lease]row{}, arriving: map[lease]bool{},
		partial: map[lease][]byte{}, deleted: map[string]bool{}, used: map[peer.ID]int64{}, now: time.Now,
	}
}

// Limit bounds the bytes of the store and of one peer; 0 is no limit.
func (s *Store) Limit(capacity, perPeer int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.capacity, s.perPeer = capacity, perPeer
}

// Delivered is how many shard bytes have ever been read off the wire.
func (s *Store) Delivered() int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.delivered
}

// Shards is how many different shards are kept.
func (s *Store) Shards() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.shards)
}

// IDs returns the ids of the shards kept, in order.
func (s *Store) IDs() []shard.ID {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]shard.ID, 0, len(s.shards))
	for id := range s.shards {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b shard.ID) int { return bytes.Compare(a[:], b[:]) })
	return ids
}

// Damage flips a bit in the middle of a shard, as a bad disk would.
func (s *Store) Damage(id shard.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if data, ok := s.shards[id]; ok {
		data = bytes.Clone(data)
		data[len(data)/2] ^= 1
		s.shards[id] = data
	}
}

// Lose drops a shard and keeps the leases on it, as a lost file would.
func (s *Store) Lose(id shard.ID) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.shards, id)
}

// Hold says what is free and whether bytes would fit. It reserves nothing.
func (s *Store) Hold(asker peer.ID, bytes int64) (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	free, err := s.room(asker, bytes)
	return free, err
}

func (s *Store) room(p peer.ID, want int64) (int64, error) {
	var all int64
	for _, n := range s.used {
		all += n
	}
	free := int64(1) << 40
	if s.capacity > 0 {
		free = s.capacity - all
	}
	if want > free {
		return free, wire.ErrFull
	}
	if s.perPeer > 0 {
		free = min(free, s.perPeer-s.used[p])
	}
	if want > free {
		return free, wire.ErrQuota
	}
	return free, nil
}

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
	s.leases[key] = row{shard.Held{Shard: o.Shard, Segment: o.Segment, Index: o.Index, Length: o.Length, LeaseEnd: end.Unix()}, lot.Peer}
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

// Open implements exchange.Store.
func (s *Store) Open(id shard.ID) (io.ReadSeekCloser, int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.shards[id]
	if !ok {
		return nil, 0, wire.ErrNotFound
	}
	return struct {
		io.ReadSeeker
		io.Closer
	}{bytes.NewReader(data), io.NopCloser(nil)}, int64(len(data)), nil
}

// Held implements exchange.Store. Its cursor is the number of rows so far.
func (s *Store) Held(owner ed25519.PublicKey, after []byte, limit int) ([]shard.Held, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	from := 0
	if after != nil {
		if len(after) != 4 {
			return nil, nil, wire.ErrBadRequest
		}
		from = int(binary.BigEndian.Uint32(after))
	}
	var rows []shard.Held
	for key, r := range s.leases {
		if key.admin == string(owner) {
			rows = append(rows, r.held)
		}
	}
	slices.SortFunc(rows, func(a, b shard.Held) int {
		return (int(a.Segment)<<8 + int(a.Index)) - (int(b.Segment)<<8 + int(b.Index))
	})
	rows = rows[min(from, len(rows)):]
	if len(rows) <= limit {
		return rows, nil, nil
	}
	return rows[:limit], binary.BigEndian.AppendUint32(nil, uint32(from+limit)), nil
}

// Delete implements exchange.Store.
func (s *Store) Delete(grant shard.Grant) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.deleted[string(grant.Admin)] = true
	gone := 0
	for key, r := range s.leases {
		if key.admin != string(grant.Admin) {
			continue
		}
		gone++
		delete(s.leases, key)
		s.used[r.peer] -= int64(r.held.Length)
	}
	for id := range s.shards {
		if !s.wanted(id) {
			delete(s.shards, id)
		}
	}
	return gone, nil
}

func (s *Store) wanted(id shard.ID) bool {
	for key := range s.leases {
		if key.shard == id {
			return true
		}
	}
	return false
}
