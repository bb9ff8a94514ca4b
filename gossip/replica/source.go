package replica

import (
	"errors"
	"fmt"

	"github.com/batchain/batchain/wire"
)

// source is what a replica knows of one author: which of its updates it vouches
// for. The newest always is one of them.
type source struct {
	seq   uint64 // of the newest
	sum   digest // of the newest
	time  Timestamp
	held  map[uint64]held
	set   setHash // of the sums of those held
	bytes int
}

type held struct {
	sum  digest
	size int
}

func newSource() *source { return &source{held: map[uint64]held{}} }

// errHole means that a source's batch does not lead to what its newest update
// vouches for: something is missing, here or there.
var errHole = errors.New("a hole in the history")

// plan says what becomes of a source when a batch of its updates is taken in,
// without changing anything.
type plan struct {
	updates []Update
	forget  []uint64 // held, and not in a full set
	bytes   int      // by how much it grows
}

// plan works out what a batch leads to: updates of this source, ascending. One
// that is full holds all that the source vouches for at the number of its newest;
// any other continues from what is held.
func (s *source) plan(updates []Update, full bool, limits Limits) (plan, error) {
	last := updates[len(updates)-1]
	if full {
		return s.planFull(updates, last, limits)
	}
	set, count, p := s.set, len(s.held), plan{updates: updates}
	fresh := map[uint64]held{}
	gone := map[uint64]bool{}
	for _, u := range updates {
		for _, seq := range u.Drops {
			h, ok := fresh[seq]
			if !ok {
				h, ok = s.held[seq]
			}
			if ok && !gone[seq] {
				gone[seq] = true
				set.remove(h.sum)
				p.bytes -= h.size
				count--
			}
		}
		if u.Seq == last.Seq && set.root() != u.root {
			return plan{}, errHole
		}
		fresh[u.Seq] = held{u.sum, u.size()}
		set.add(u.sum)
		p.bytes += u.size()
		count++
	}
	return p, s.within(count, p.bytes, limits)
}

func (s *source) planFull(updates []Update, last Update, limits Limits) (plan, error) {
	var set setHash
	p := plan{bytes: -s.bytes}
	whole := map[uint64]digest{}
	for _, u := range updates {
		if u.Seq == last.Seq && set.root() != u.root {
			return plan{}, errHole
		}
		whole[u.Seq] = u.sum
		set.add(u.sum)
		p.bytes += u.size()
		if h, ok := s.held[u.Seq]; !ok || h.sum != u.sum {
			p.updates = append(p.updates, u)
		}
	}
	for seq, h := range s.held {
		if whole[seq] != h.sum {
			p.forget = append(p.forget, seq)
		}
	}
	return p, s.within(len(updates), p.bytes, limits)
}

func (s *source) within(count, grows int, limits Limits) error {
	if count > limits.SourceUpdates || s.bytes+grows > limits.SourceBytes {
		return fmt.Errorf("%w: %d updates of %d bytes of one source, at most %d of %d are kept",
			wire.ErrFull, count, s.bytes+grows, limits.SourceUpdates, limits.SourceBytes)
	}
	return nil
}

// add takes in an update, and leaves its drops to be removed.
func (s *source) add(u Update) {
	s.held[u.Seq] = held{u.sum, u.size()}
	s.set.add(u.sum)
	s.bytes += u.size()
	if u.Seq >= s.seq {
		s.seq, s.sum, s.time = u.Seq, u.sum, u.Time
	}
}

// remove reports whether the update was held.
func (s *source) remove(seq uint64) bool {
	h, ok := s.held[seq]
	if ok {
		delete(s.held, seq)
		s.set.remove(h.sum)
		s.bytes -= h.size
	}
	return ok
}
