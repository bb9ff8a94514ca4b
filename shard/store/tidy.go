package store

import (
	"context"
	"time"
)

func (s *Store) tidyLoop(ctx context.Context) {
	ticker := time.NewTicker(tidyEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.tidy(); err != nil && ctx.Err() == nil {
				s.logger.Warn("tidy store", "err", err)
			}
		}
	}
}

// tidy removes the bytes of transfers that broke long ago. It tries again to delete what could not be deleted before.
func (s *Store) tidy() error {
	now := s.now()
	s.dropKept(func(t *transfer) bool { return now.Sub(t.since) >= KeepTime })
	if err := s.endOldQuarantines(now); err != nil {
		return err
	}
	if err := s.finishDeletes(); err != nil {
		return err
	}
	return s.finishSweeps()
}

// dropKept forgets the broken transfers that match, bytes and all.
func (s *Store) dropKept(match func(*transfer) bool) {
	s.mu.Lock()
	var old []*transfer
	for _, t := range s.transfers {
		if !t.active && match(t) {
			t.active = true
			old = append(old, t)
		}
	}
	s.mu.Unlock()
	for _, t := range old {
		_ = s.abandon(t, nil)
		s.end(t)
	}
}
