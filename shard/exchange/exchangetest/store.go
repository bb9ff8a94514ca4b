package exchangetest

import (
	"bytes"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// Store keeps shards in memory, as strictly as a real one: it believes no
// length and no hash, takes a lot in once at a time, keeps what a broken
// transfer brought, counts what is under way, and remembers deletions.
type Store struct {
	capacity, perPeer int64 // 0: no limit

	mu        sync.Mutex
	shards    map[shard.ID][]byte
	trees     map[shard.ID][]byte // of the shards that were proven
	leases    map[lease]row
	arriving  map[lease]bool
	partial   map[lease][]byte
	notes     map[noteKey]shard.NoteLot
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
	held  shard.Held
	peer  peer.ID
	draft bool
}

// noteKey names the place of a note.
type noteKey struct {
	locator shard.Locator
	admin   string
	writer  uint32
}

// NewStore returns an empty store without limits.
func NewStore() *Store {
	return &Store{
		shards: map[shard.ID][]byte{}, trees: map[shard.ID][]byte{}, notes: map[noteKey]shard.NoteLot{}, leases: map[lease]row{}, arriving: map[lease]bool{},
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
		s.tree(id) // of the good bytes
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
