package exchangetest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

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
