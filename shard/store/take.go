package store

import "github.com/batchain/batchain/shard"

// Take says whether anything new is taken, as it is from the start. A store
// that takes nothing answers [wire.ErrFull], also to transfers and notes that
// are under way, to renewals never. Take returns once every commit has ended
// that began before it: what [Store.Lots] and [Store.AllNotes] then yield is all.
func (s *Store) Take(yes bool) {
	s.taking.Lock()
	defer s.taking.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = !yes
}

// refuses reports whether nothing new is taken. It stays so for as long as the
// caller holds taking.
func (s *Store) refuses() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.closed
}

// Holds reports whether anything of a file is here. An index that cannot be
// read says no.
func (s *Store) Holds(l shard.Locator) bool {
	held := false
	err := s.view(func(t tx) error {
		return t.tails(append([]byte(keyLocator), l[:]...), nil, func([]byte) (bool, error) {
			held = true
			return false, nil
		})
	})
	return err == nil && held
}
