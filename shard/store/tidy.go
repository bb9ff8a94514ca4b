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

// tidy removes what has become old: bytes of broken transfers, tombstones. It
// tries again to delete what could not be deleted before.
func (s *Store) tidy() error {
	now := s.now()
	s.dropKept(func(t *transfer) bool { return now.Sub(t.since) >= KeepTime })
	if err := s.dropTombs(now); err != nil {
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

func (s *Store) dropTombs(now time.Time) error {
	var after []byte
	for {
		var past [][]byte
		seen := 0
		err := s.view(func(t tx) error {
			return t.tails([]byte(keyTomb), after, func(tail []byte) (bool, error) {
				var row tombRow
				_, err := t.get(tombKey(admin(tail)), &row)
				if after, seen = tail, seen+1; err == nil && row.Until <= now.Unix() {
					past = append(past, tombKey(admin(tail)))
				}
				return seen < tombPage, err
			})
		})
		if err != nil {
			return err
		}
		if err := s.removeRows(past); err != nil || seen < tombPage {
			return err
		}
	}
}

// tombPage is how many tombstones are looked at in one transaction.
const tombPage = 1024

func (s *Store) removeRows(keys [][]byte) error {
	if len(keys) == 0 {
		return nil
	}
	return s.update(func(b *batch) error {
		for _, key := range keys {
			if err := b.del(key); err != nil {
				return err
			}
		}
		return nil
	}, nil)
}
