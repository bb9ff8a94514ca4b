package exchangetest

import (
	"slices"
	"time"

	"lukechampine.com/blake3/bao"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// leafGroup is the size of a leaf as bao counts: 2⁴ chunks of 1 KiB.
const leafGroup = 4

// Prove implements exchange.Store.
func (s *Store) Prove(id shard.ID, leaf uint32) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	data, ok := s.shards[id]
	if !ok {
		return nil, wire.ErrNotFound
	}
	if int64(leaf) >= int64(shard.Leaves(len(data))) {
		return nil, wire.ErrBadRequest
	}
	slice := extract(data, s.tree(id), leaf)
	_, err := shard.VerifyLeaf(id, len(data), leaf, slice)
	return slice, err
}

// tree returns a shard's tree, made when it was first asked for.
func (s *Store) tree(id shard.ID) []byte {
	if s.trees[id] == nil {
		s.trees[id], _ = bao.EncodeBuf(s.shards[id], leafGroup, true)
	}
	return s.trees[id]
}

// Drafts is how many leases no RENEW has confirmed.
func (s *Store) Drafts() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	count := 0
	for _, r := range s.leases {
		if r.draft {
			count++
		}
	}
	return count
}

// Renew implements exchange.Store.
func (s *Store) Renew(grant shard.Grant, spots []shard.Spot, lasting time.Duration, after []byte, limit int) ([]shard.Held, []byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	admin := string(grant.Admin)
	if s.deleted[admin] {
		return nil, nil, wire.ErrDeleted
	}
	end := s.now().Add(lasting).Unix()
	var keys []lease
	for _, at := range spots {
		keys = append(keys, lease{admin, at.Shard, at.Segment, at.Index})
	}
	var next []byte
	if len(spots) == 0 {
		var err error
		if keys, next, err = s.page(admin, after, limit); err != nil {
			return nil, nil, err
		}
	}
	rows := []shard.Held{}
	for _, key := range keys {
		r, have := s.leases[key]
		if !have || s.shards[key.shard] == nil {
			continue
		}
		r.held.LeaseEnd, r.draft = max(r.held.LeaseEnd, end), false
		s.leases[key] = r
		rows = append(rows, r.held)
	}
	return rows, next, nil
}

// PutNote implements exchange.Store.
func (s *Store) PutNote(lot shard.NoteLot) (time.Time, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key := noteKey{lot.Grant.Locator, string(lot.Grant.Admin), lot.Note.Writer}
	was, have := s.notes[key]
	switch {
	case s.deleted[key.admin]:
		return time.Time{}, wire.ErrDeleted
	case have && (was.Note.Seq > lot.Note.Seq || was.Note.Seq == lot.Note.Seq && was.Note.Sum != lot.Note.Sum):
		return time.Time{}, wire.ErrStale
	case !have && len(s.under(key.locator)) >= shard.MaxWriters:
		return time.Time{}, wire.ErrQuota.With("%d writers have notes here", shard.MaxWriters)
	}
	if _, err := s.room(lot.Peer, int64(lot.Note.Length)); err != nil {
		return time.Time{}, err
	}
	if have {
		s.used[was.Peer] -= int64(was.Note.Length)
	}
	s.used[lot.Peer] += int64(lot.Note.Length)
	s.notes[key] = lot
	return s.now().Add(time.Duration(lot.Note.Lease) * time.Second), nil
}

// Notes implements exchange.Store.
func (s *Store) Notes(l shard.Locator) ([]shard.SignedNote, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	var notes []shard.SignedNote
	for _, key := range s.under(l) {
		notes = append(notes, s.notes[key].SignedNote)
	}
	return notes, nil
}

// under returns the places of the notes of a locator, in order.
func (s *Store) under(l shard.Locator) []noteKey {
	var keys []noteKey
	for key := range s.notes {
		if key.locator == l {
			keys = append(keys, key)
		}
	}
	slices.SortFunc(keys, func(a, b noteKey) int { return int(int64(a.writer) - int64(b.writer)) })
	return keys
}
