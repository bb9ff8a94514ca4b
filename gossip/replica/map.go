package replica

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// MapOptions bounds what a [Map] keeps. All replicas of one document should have
// the same.
type MapOptions struct {
	// TombstoneAge is how long a deletion is remembered at least; 0: 7 days. What
	// a replica wrote before the deletion, and has told nobody for longer, comes
	// back.
	TombstoneAge time.Duration
	// TTL is after what time a value is seen no more; 0: never.
	TTL time.Duration
	// MaxKeys is how many keys of each replica's are kept; beyond it, its oldest
	// are dropped, except what hides an older value of another's; 0: all.
	MaxKeys int
}

// Map holds a value for each key, of which the last one written counts. With a TTL
// and MaxKeys its memory is capped. Keys are any bytes. It is safe for concurrent
// use.
type Map struct {
	opts  MapOptions
	id    peer.ID
	local func(changes ...[]byte) error
	feed  feed[string]

	mu     sync.RWMutex
	log    Log[mapOp]
	keys   map[string][]Entry[mapOp] // all that is kept of a key, the last one written at the end
	sweeps int
}

// mapOp is a change of a map.
type mapOp struct {
	Key     []byte `cbor:"1,keyasint"`
	Value   []byte `cbor:"2,keyasint,omitempty"`
	Deleted bool   `cbor:"3,keyasint,omitempty"`
}

// MapChange is a key that changed.
type MapChange struct {
	Key     string
	Value   []byte // as it is now; nil when it is deleted
	Deleted bool
	Local   bool // written by this replica
	// Lost means that too much changed while nobody looked: the whole map is to be
	// read again. There is no key.
	Lost bool
}

// NewMap returns an empty map.
func NewMap(opts MapOptions) *Map {
	if opts.TombstoneAge == 0 {
		opts.TombstoneAge = 7 * 24 * time.Hour
	}
	return &Map{opts: opts, keys: map[string][]Entry[mapOp]{}}
}

// Set sets the value of a key. The errors of this and the other writing methods are
// those of [Replica.Local].
func (m *Map) Set(key string, value []byte) error {
	return m.write(mapOp{Key: []byte(key), Value: value})
}

// Delete deletes a key; one that is not there is left alone.
func (m *Map) Delete(key string) error {
	if _, ok := m.Get(key); !ok {
		return nil
	}
	return m.write(mapOp{Key: []byte(key), Deleted: true})
}

func (m *Map) write(op mapOp) error {
	if m.local == nil {
		return errUnbound
	}
	change, err := wire.Marshal(op)
	if err != nil {
		return fmt.Errorf("map: %w", err)
	}
	return m.local(change)
}

// Get returns the value of a key, which must not be altered; false when there is
// none.
func (m *Map) Get(key string) ([]byte, bool) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.get(key)
}

func (m *Map) get(key string) ([]byte, bool) {
	versions := m.keys[key]
	if len(versions) == 0 {
		return nil, false
	}
	last := versions[len(versions)-1]
	if last.Is.Deleted || m.expired(last.Update, At(time.Now())) {
		return nil, false
	}
	return last.Is.Value, true
}

func (m *Map) expired(u Update, now Timestamp) bool {
	return m.opts.TTL > 0 && At(u.Time.Time().Add(m.opts.TTL)) <= now
}

// Len is how many keys have a value.
func (m *Map) Len() int { return len(m.snapshot()) }

// All yields keys and values as they are now, by key.
func (m *Map) All() iter.Seq2[string, []byte] {
	now := m.snapshot()
	return func(yield func(string, []byte) bool) {
		for _, key := range slices.Sorted(maps.Keys(now)) {
			if !yield(key, now[key]) {
				return
			}
		}
	}
}

func (m *Map) snapshot() map[string][]byte {
	m.mu.RLock()
	defer m.mu.RUnlock()
	now := make(map[string][]byte, len(m.keys))
	for key := range m.keys {
		if value, ok := m.get(key); ok {
			now[key] = value
		}
	}
	return now
}

// MarshalJSON writes an object of what All yields, the values in base64.
func (m *Map) MarshalJSON() ([]byte, error) { return json.Marshal(m.snapshot()) }

// Watch yields what changes from now on, here and elsewhere, until ctx ends. A value
// that expires is no change. It can be ranged over once.
func (m *Map) Watch(ctx context.Context) iter.Seq[MapChange] {
	changes := m.feed.watch(ctx)
	return func(yield func(MapChange) bool) {
		for key, ok := range changes {
			if !yield(m.change(key, ok)) {
				return
			}
		}
	}
}

func (m *Map) change(key string, ok bool) MapChange {
	if !ok {
		return MapChange{Lost: true}
	}
	m.mu.RLock()
	defer m.mu.RUnlock()
	value, there := m.get(key)
	c := MapChange{Key: key, Value: value, Deleted: !there}
	if versions := m.keys[key]; len(versions) > 0 {
		c.Local = versions[len(versions)-1].Update.Source.Peer == m.id
	}
	return c
}
