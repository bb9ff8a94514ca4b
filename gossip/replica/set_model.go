package replica

import (
	"fmt"
	"iter"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Bind is part of [Binder].
func (s *Set) Bind(_ peer.ID, local func(changes ...[]byte) error) { s.local = local }

// Check is part of [Model].
func (s *Set) Check(change []byte) error {
	_, err := parseSetOp(change)
	return err
}

func parseSetOp(change []byte) (setOp, error) {
	var op setOp
	if err := wire.Unmarshal(change, &op); err != nil {
		return setOp{}, fmt.Errorf("set: %w", err)
	}
	if op.Remove != (len(op.Removes) > 0) || len(op.Removes) > maxRemoves {
		return setOp{}, fmt.Errorf("set: %w: a removal of %d additions", wire.ErrBadRequest, len(op.Removes))
	}
	return op, nil
}

// Apply is part of [Model].
func (s *Set) Apply(u Update) {
	op, err := parseSetOp(u.Change)
	if err != nil {
		return // Check let it pass
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log.Add(u, op)
	element := string(op.Element)
	before := s.has(element)
	if op.Remove {
		for _, t := range op.Removes {
			s.removed[t.tag()]++
		}
	} else {
		if s.elements[element] == nil {
			s.elements[element] = map[tag]bool{}
		}
		s.elements[element][tag{u.Source, u.Seq}] = true
	}
	s.tell(element, before)
}

// Forget is part of [Model].
func (s *Set) Forget(source Source, seq uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	e, ok := s.log.Remove(source, seq)
	if !ok {
		return
	}
	element := string(e.Is.Element)
	before := s.has(element)
	if e.Is.Remove {
		for _, t := range e.Is.Removes {
			if s.removed[t.tag()]--; s.removed[t.tag()] == 0 {
				delete(s.removed, t.tag())
			}
		}
	} else if delete(s.elements[element], tag{source, seq}); len(s.elements[element]) == 0 {
		delete(s.elements, element)
	}
	s.tell(element, before)
}

// tell tells the watchers of an element that came or went.
func (s *Set) tell(element string, before bool) {
	if s.has(element) != before {
		s.feed.touch(element)
	}
}

// History is part of [Model].
func (s *Set) History(since Clock) iter.Seq[Update] {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return s.log.History(since)
}

// Obsolete is part of [Pruner]: the same replica's additions of an element that it
// adds again or removes; and now and then those that others removed, and removals
// whose additions are gone.
func (s *Set) Obsolete(u Update) []uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var seqs []uint64
	if len(u.Change) > 0 {
		op, _ := parseSetOp(u.Change)
		for t := range s.elements[string(op.Element)] {
			if t.source == u.Source {
				seqs = append(seqs, t.seq)
			}
		}
	}
	if s.sweeps++; len(u.Change) == 0 || s.sweeps%sweepEvery == 0 {
		for _, e := range s.log.By(u.Source) {
			if s.useless(e) {
				seqs = append(seqs, e.Update.Seq)
			}
		}
	}
	return seqs
}

func (s *Set) useless(e Entry[setOp]) bool {
	if !e.Is.Remove {
		return s.removed[tag{e.Update.Source, e.Update.Seq}] > 0
	}
	for _, t := range e.Is.Removes {
		if s.elements[string(e.Is.Element)][t.tag()] {
			return false
		}
	}
	return true
}
