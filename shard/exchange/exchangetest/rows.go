package exchangetest

import (
	"bytes"
	"crypto/ed25519"
	"encoding/binary"
	"io"
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Hold says what is free and whether bytes would fit. It reserves nothing.
func (s *Store) Hold(asker peer.ID, _ netip.Prefix, bytes int64) (int64, error) {
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
	keys, next, err := s.page(string(owner), after, limit)
	if err != nil {
		return nil, nil, err
	}
	rows := []shard.Held{}
	for _, key := range keys {
		rows = append(rows, s.leases[key].held)
	}
	return rows, next, nil
}

// page returns at most limit of an owner's leases, in order.
func (s *Store) page(admin string, after []byte, limit int) ([]lease, []byte, error) {
	from := 0
	if after != nil {
		if len(after) != 4 {
			return nil, nil, wire.ErrBadRequest
		}
		from = int(binary.BigEndian.Uint32(after))
	}
	var keys []lease
	for key := range s.leases {
		if key.admin == admin {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b lease) int {
		return (int(a.segment)<<8 + int(a.index)) - (int(b.segment)<<8 + int(b.index))
	})
	keys = keys[min(from, len(keys)):]
	if len(keys) <= limit {
		return keys, nil, nil
	}
	return keys[:limit], binary.BigEndian.AppendUint32(nil, uint32(from+limit)), nil
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
	for key, n := range s.notes {
		if key.admin == string(grant.Admin) {
			delete(s.notes, key)
			s.used[n.Peer] -= int64(n.Note.Length)
		}
	}
	for id := range s.shards {
		if !s.wanted(id) {
			delete(s.shards, id)
			delete(s.trees, id)
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
