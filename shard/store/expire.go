package store

import (
	"context"
	"encoding/binary"
	"time"

	"github.com/batchain/batchain/shard"
)

// What follows when a lease ends.
const (
	// GraceTime is how long nothing changes: the owner is late.
	GraceTime = 72 * time.Hour
	// TrashTime is how long the shard then lies in the trash. It is counted
	// from the moment when this host noticed, so that a host that comes back
	// after months, or has a wrong clock, still leaves the owner this long.
	TrashTime = 7 * 24 * time.Hour
	// DraftTime is how long a draft waits to be confirmed. It has neither
	// grace nor trash.
	DraftTime = 24 * time.Hour
)

const (
	expireEvery = time.Minute            // between two passes
	expirePace  = 100 * time.Millisecond // between two steps of a pass
)

// due is when something is to be done about the lease, in Unix seconds; 0 for a
// lease that is not yet one.
func (r leaseRow) due() int64 {
	switch {
	case r.End == 0:
		return 0
	case r.Draft != 0:
		return r.Draft
	case r.Trash != 0:
		return r.Trash
	}
	return r.End + int64(GraceTime/time.Second)
}

// prolong sets the lease's end, never to an earlier one, and takes it out of
// the trash.
func (r *leaseRow) prolong(end int64) { r.End, r.Trash = max(r.End, end), 0 }

// putLease writes a lease that was due at another time before.
func (b *batch) putLease(id shard.ID, owner admin, was int64, row leaseRow) error {
	if err := b.reschedule(leaseKey(id, owner), was, row.due()); err != nil {
		return err
	}
	return b.put(leaseKey(id, owner), row)
}

// reschedule enters when the row of this key is due. 0 is never.
func (b *batch) reschedule(row []byte, was, due int64) error {
	if was == due {
		return nil
	}
	if was != 0 {
		if err := b.del(dueKey(was, row)); err != nil {
			return err
		}
	}
	if due == 0 {
		return nil
	}
	return b.put(dueKey(due, row), struct{}{})
}

func (s *Store) expireLoop(ctx context.Context) {
	ticker := time.NewTicker(expireEvery)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
			if err := s.expire(ctx); err != nil && ctx.Err() == nil {
				s.logger.Warn("expire", "err", err)
			}
		}
	}
}

// expire does what is due, step by step, and stops when the clock cannot be
// believed. Nothing is remembered between steps but the rows themselves: a
// crash loses no work.
func (s *Store) expire(ctx context.Context) error {
	s.expiring.Lock()
	defer s.expiring.Unlock()
	for {
		now := s.now()
		if !s.steady.Observe(now, s.ticks()) {
			s.passed = 0
			return nil
		}
		keys, err := s.dueBy(now.Unix())
		if err == nil && len(keys) == 0 {
			// Badger walks over deleted rows, so the next pass begins here.
			// What comes in meanwhile is due later than now, but for [shard.ClockSlip].
			s.passed = now.Add(-shard.SteadyTime).Unix()
			return nil
		}
		if err == nil {
			err = s.expireSome(keys, now)
		}
		if err == nil {
			err = s.pause(ctx, expirePace)
		}
		if err != nil {
			return err
		}
	}
}

// dueBy returns the keys of the first rows se that are due.
func (s *Store) dueBy(now int64) (keys [][]byte, err error) {
	err = s.view(func(t tx) error {
		return t.tails([]byte(keyDue), bigEndian(s.passed), func(tail []byte) (bool, error) {
			if len(tail) < 10 || int64(binary.BigEndian.Uint64(tail)) > now {
				return false, nil
			}
			keys = append(keys, tail)
			return len(keys) < dropAtOnce, nil
		})
	})
	return keys, err
}

func (s *Store) expireSome(keys [][]byte, now time.Time) error {
	var doomed []shard.ID
	err := s.update(func(b *batch) error {
		doomed = doomed[:0]
		for _, tail := range keys {
			id, gone, err := b.expireRow(tail, now)
			if err != nil {
				return err
			}
			if gone {
				doomed = append(doomed, id)
			}
		}
		return nil
	}, nil)
	if err != nil {
		return err
	}
	s.at("expiry indexed")
	return s.sweep(doomed)
}

// expireRow does what is due for the row that the tail of a key se names. It
// may have changed since the tail was read.
func (b *batch) expireRow(tail []byte, now time.Time) (id shard.ID, gone bool, err error) {
	if known, err := b.get(key(keyDue, tail), nil); err != nil || !known {
		return id, false, err
	}
	if err := b.del(key(keyDue, tail)); err != nil { // or the pass would never end
		return id, false, err
	}
	kind, rest := string(tail[8:10]), tail[10:]
	switch {
	case kind == keyTomb && len(rest) == len(admin{}):
		return id, false, b.del(tail[8:])
	case kind == keyLease && len(rest) == len(id)+len(admin{}):
		id = shard.ID(rest[:len(id)])
		gone, err = b.expireLease(id, admin(rest[len(id):]), now)
		return id, gone, err
	case kind == keyNote && len(rest) == noteTail:
		at, err := parseNote(rest)
		if err == nil {
			err = b.expireNote(at, now)
		}
		return id, false, err
	}
	return id, false, nil
}

// expireLease drops a lease whose time in the trash, or as a draft, is over,
// and puts any other into the trash.
func (b *batch) expireLease(id shard.ID, owner admin, now time.Time) (gone bool, err error) {
	var row leaseRow
	if known, err := b.get(leaseKey(id, owner), &row); err != nil || !known || row.due() > now.Unix() {
		return false, err
	}
	if row.Draft != 0 || row.Trash != 0 {
		_, gone, err = b.dropLease(id, owner)
		return gone, err
	}
	was := row.due()
	row.Trash = now.Add(TrashTime).Unix()
	return false, b.putLease(id, owner, was, row)
}
