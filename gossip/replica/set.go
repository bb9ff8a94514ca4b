package replica

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Set is a set of strings of any bytes, in which adding wins: an element that one
// replica removes while another adds it is in (an observed-remove set; Shapiro et
// al., "A comprehensive study of Convergent and Commutative Replicated Data Types",
// 2011). A removal names the additions that it saw. It needs no age to be forgotten:
// who made such an addition drops it, and then the removal goes. It is safe for
// concurrent use.
type Set struct {
	local func(changes ...[]byte) error
	feed  feed[string]

	mu       sync.RWMutex
	log      Log[setOp]
	elements map[string]map[tag]bool // the additions of each element that are kept
	removed  map[tag]int             // by how many removals that are kept
	sweeps   int
}

// tag names an addition.
type tag struct {
	source Source
	seq    uint64
}

// setOp is a change of a set: an addition, or with Removes a removal.
type setOp struct {
	Element []byte   `cbor:"1,keyasint"`
	Removes []setTag `cbor:"2,keyasint,omitempty"`
	Remove  bool     `cbor:"3,keyasint,omitempty"`
}

type setTag struct {
	Peer  peer.ID `cbor:"1,keyasint"`
	Epoch uint64  `cbor:"2,keyasint"`
	Seq   uint64  `cbor:"3,keyasint"`
}

func (t setTag) tag() tag { return tag{Source{t.Peer, t.Epoch}, t.Seq} }

// maxRemoves is how many additions one removal may name; for more there are several.
const maxRemoves = 512

// SetChange is an element that came or went.
type SetChange struct {
	Element string
	Has     bool // as it is now
	// Lost means that too much changed while nobody looked: the whole set is to be
	// read again. There is no element.
	Lost bool
}

// NewSet returns an empty set.
func NewSet() *Set {
	return &Set{elements: map[string]map[tag]bool{}, removed: map[tag]int{}}
}

// Add adds elements, all or none where no limit is met. One that is in already is
// added again, which wins over its removal elsewhere at the same time: ask Has
// first where that is not wanted. The errors of this and Remove are those of
// [Replica.Local].
func (s *Set) Add(elements ...string) error {
	var ops []setOp
	for _, element := range elements {
		ops = append(ops, setOp{Element: []byte(element)})
	}
	return s.write(ops)
}

// Remove removes elements as far as they are in.
func (s *Set) Remove(elements ...string) error {
	var ops []setOp
	for _, element := range elements {
		for tags := range slices.Chunk(s.tags(element), maxRemoves) {
			ops = append(ops, setOp{Element: []byte(element), Remove: true, Removes: tags})
		}
	}
	return s.write(ops)
}

// tags returns the additions by which an element is in, in order.
func (s *Set) tags(element string) []setTag {
	s.mu.RLock()
	defer s.mu.RUnlock()
	var tags []setTag
	for t := range s.elements[element] {
		if s.removed[t] == 0 {
			tags = append(tags, setTag{t.source.Peer, t.source.Epoch, t.seq})
		}
	}
	return tags
}

func (s *Set) write(ops []setOp) error {
	if len(ops) == 0 {
		return nil
	}
	if s.local == nil {
		return errUnbound
	}
	var changes [][]byte
	for _, op := range ops {
		change, err := wire.Marshal(op)
		if err != nil {
			return fmt.Errorf("set: %w", err)
		}
		changes = append(changes, change)
	}
	return s.local(changes...)
}

// Has reports whether an element is in.
func (s *Set) Has(element string) bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.has(element)
}

func (s *Set) has(element string) bool {
	for t := range s.elements[element] {
		if s.removed[t] == 0 {
			return true
		}
	}
	return false
}

// All yields the elements as they are now, in order.
func (s *Set) All() iter.Seq[string] { return slices.Values(s.snapshot()) }

// Len is how many elements are in.
func (s *Set) Len() int { return len(s.snapshot()) }

func (s *Set) snapshot() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.DeleteFunc(slices.Sorted(maps.Keys(s.elements)), func(e string) bool { return !s.has(e) })
}

// Watch yields what comes and goes from now on, here and elsewhere, until ctx ends. It can
// be ranged over once.
func (s *Set) Watch(ctx context.Context) iter.Seq[SetChange] {
	changes := s.feed.watch(ctx)
	return func(yield func(SetChange) bool) {
		for element, ok := range changes {
			c := SetChange{Lost: true}
			if ok {
				c = SetChange{Element: element, Has: s.Has(element)}
			}
			if !yield(c) {
				return
			}
		}
	}
}
