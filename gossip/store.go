package gossip

import (
	"errors"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Saved is what a [Store] keeps of one member. The store gives and takes
// copies; it looks at Peer and Live only.
type Saved struct {
	Peer        peer.ID
	Live        bool
	Incarnation uint64
	Seen        time.Time // when its last heartbeat came; to the second
	Records     []byte    // its signed records, encoded
}

// Store keeps members over a restart, the own one among them: its incarnation
// must survive, so that no life is mistaken for an older one. Package
// gossiptest has the suite that every store must pass.
type Store interface {
	// Get returns what is kept of a peer, or [ErrNotFound].
	Get(p peer.ID) (Saved, error)
	// Put keeps members, each in place of what was kept of it. They are
	// durable when it returns.
	Put(members ...Saved) error
	// Delete forgets a member; one that is not there too.
	Delete(p peer.ID) error
	// Peers yields the live members, or all others, in no order. Members that
	// are put or deleted meanwhile may be missed. An error ends the sequence.
	Peers(live bool) iter.Seq2[Saved, error]
}

// ErrNotFound says that a store keeps nothing of a peer.
var ErrNotFound = errors.New("member is not kept")

// MemoryStore is a [Store] that ends with the process. Members cannot tell
// such a process from one that lost its disk: it comes back under the time of
// its start as incarnation.
type MemoryStore struct {
	mu    sync.Mutex
	saved map[peer.ID]Saved
}

// NewMemoryStore returns an empty store.
func NewMemoryStore() *MemoryStore { return &MemoryStore{saved: map[peer.ID]Saved{}} }

// Get returns what is kept of a peer, or [ErrNotFound].
func (s *MemoryStore) Get(p peer.ID) (Saved, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	saved, known := s.saved[p]
	if !known {
		return Saved{}, ErrNotFound
	}
	return saved.clone(), nil
}

// Put keeps members.
func (s *MemoryStore) Put(members ...Saved) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, m := range members {
		s.saved[m.Peer] = m.clone()
	}
	return nil
}

// Delete forgets a member.
func (s *MemoryStore) Delete(p peer.ID) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.saved, p)
	return nil
}

// Peers yields the live members, or all others.
func (s *MemoryStore) Peers(live bool) iter.Seq2[Saved, error] {
	return func(yield func(Saved, error) bool) {
		s.mu.Lock()
		all := slices.Collect(maps.Values(s.saved))
		s.mu.Unlock()
		for _, saved := range all {
			if saved.Live == live && !yield(saved.clone(), nil) {
				return
			}
		}
	}
}

func (s Saved) clone() Saved {
	s.Records = slices.Clone(s.Records)
	s.Seen = s.Seen.Truncate(time.Second)
	return s
}
