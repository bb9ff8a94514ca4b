package replica

import (
	"errors"
	"iter"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Value is a single value of which the last one written counts. It is also the
// example of how a [Model] of one's own is made: what a change is (a value, encoded),
// a [Log] that keeps the updates, a rule that depends on nothing but the set of them
// (the latest by [Update.Compare]), and a method that makes changes.
//
// It is safe for concurrent use.
type Value[T any] struct {
	codec Codec[T]
	keep  int
	local func(changes ...[]byte) error

	mu  sync.RWMutex
	log Log[T]
}

// Codec turns values into bytes and back. Decode must take all that Encode makes,
// and must refuse or accept the same bytes everywhere.
type Codec[T any] struct {
	Encode func(T) ([]byte, error)
	Decode func([]byte) (T, error)
}

// CBOR is the codec of everything that package wire can write.
func CBOR[T any]() Codec[T] {
	return Codec[T]{
		Encode: func(v T) ([]byte, error) { return wire.Marshal(v) },
		Decode: func(data []byte) (v T, err error) { return v, wire.Unmarshal(data, &v) },
	}
}

// NewValue returns a value that nobody has set. Of what each replica sets, the keep
// newest are kept for [Value.Past]; at least 1 is.
func NewValue[T any](keep int, codec Codec[T]) *Value[T] {
	return &Value[T]{keep: max(1, keep), codec: codec}
}

// errUnbound means that a model was not given to [New] or [Open] yet.
var errUnbound = errors.New("the model belongs to no replica")

// Set sets the value, here at once and everywhere in time. Its errors are those of
// [Replica.Local], and the codec's.
func (v *Value[T]) Set(to T) error {
	if v.local == nil {
		return errUnbound
	}
	change, err := v.codec.Encode(to)
	if err != nil {
		return err
	}
	return v.local(change)
}

// Get returns the value; false when nobody has set it.
func (v *Value[T]) Get() (T, bool) {
	for latest := range v.Past() {
		return latest, true
	}
	var none T
	return none, false
}

// Past yields the values that are kept, the latest first.
func (v *Value[T]) Past() iter.Seq[T] {
	v.mu.RLock()
	defer v.mu.RUnlock()
	entries := v.log.Since(nil)
	return func(yield func(T) bool) {
		for _, e := range slices.Backward(entries) {
			if !yield(e.Is) {
				return
			}
		}
	}
}

// Bind is part of [Binder].
func (v *Value[T]) Bind(_ peer.ID, local func(changes ...[]byte) error) { v.local = local }

// Check is part of [Model].
func (v *Value[T]) Check(change []byte) error {
	_, err := v.codec.Decode(change)
	return err
}

// Apply is part of [Model].
func (v *Value[T]) Apply(u Update) {
	is, err := v.codec.Decode(u.Change)
	if err != nil {
		return // Check let it pass
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	v.log.Add(u, is)
}

// Forget is part of [Model].
func (v *Value[T]) Forget(source Source, seq uint64) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.log.Remove(source, seq)
}

// History is part of [Model].
func (v *Value[T]) History(since Clock) iter.Seq[Update] {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.log.History(since)
}

// Obsolete is part of [Pruner]: all but the newest of a source are.
func (v *Value[T]) Obsolete(u Update) []uint64 {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return v.log.Oldest(u, v.keep)
}
