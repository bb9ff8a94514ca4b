package store

import "github.com/batchain/batchain/shard"

// Take says whether anything new is taken, as it is from the start. A store
// that takes nothing answers wire.ErrFull, to renewals never.
func (s *Store) Take(yes bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closed = !yes
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
