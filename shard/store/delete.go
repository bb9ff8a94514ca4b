package store

import (
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// dropAtOnce bounds the leases that one transaction ends; each may have 255
// places.
const dropAtOnce = 32

// sweepers is how many files are removed at one time.
const sweepers = 8

// Delete ends all leases of the grant's admin key, those of its notes too, and
// returns how many places that were. Bytes that nobody else leases are gone when it returns. Until the
// latest of the leases would have ended, offers of this file are refused,
// those under way included.
func (s *Store) Delete(grant shard.Grant) (shards int, err error) {
	if len(grant.Admin) != len(admin{}) {
		return 0, wire.ErrBadRequest.With("admin key of %d bytes", len(grant.Admin))
	}
	owner := admin(grant.Admin)
	shards, err = s.deleteAll(owner)
	if err != nil {
		return shards, fmt.Errorf("delete: %w", err)
	}
	s.dropKept(func(t *transfer) bool { return t.owner == owner })
	return shards, nil
}

// deleteAll ends the leases step by step. A crash leaves the row by which the
// next start goes on.
func (s *Store) deleteAll(owner admin) (places int, err error) {
	for more := true; more; {
		var step dropped
		err := s.update(func(b *batch) (err error) {
			step, err = s.deleteSome(b, owner)
			return err
		}, nil)
		if err != nil {
			return places, err
		}
		s.at("delete indexed")
		places, more = places+step.places, step.more
		if err := s.sweep(step.doomed); err != nil {
			return places, err
		}
	}
	return places, nil
}

// dropped is what one step of a delete did.
type dropped struct {
	places int
	doomed []shard.ID
	more   bool
}

func (s *Store) deleteSome(b *batch, owner admin) (step dropped, err error) {
	ids, err := b.leasedBy(owner, dropAtOnce)
	if err != nil {
		return step, err
	}
	until := s.offeredUntil(owner)
	for _, id := range ids {
		row, doomed, err := b.dropLease(id, owner)
		if err != nil {
			return step, err
		}
		step.places += len(row.Places)
		until = max(until, row.End)
		if doomed {
			step.doomed = append(step.doomed, id)
		}
	}
	if step.more = len(ids) == dropAtOnce; step.more {
		err = b.put(deleteKey(owner), struct{}{})
	} else if err = b.del(deleteKey(owner)); err == nil {
		var noted int64
		noted, err = b.dropNotes(owner)
		until = max(until, noted)
	}
	if err != nil || until == 0 {
		return step, err
	}
	return step, b.bury(owner, until)
}

// leasedBy returns up to limit shards that a file has leases on.
func (t tx) leasedBy(owner admin, limit int) (ids []shard.ID, err error) {
	seen := make(map[shard.ID]bool)
	err = t.tails(key(keyPlace, owner[:]), nil, func(tail []byte) (bool, error) {
		_, id, err := parsePlace(tail)
		if err == nil && !seen[id] {
			seen[id], ids = true, append(ids, id)
		}
		return len(ids) < limit, err
	})
	return ids, err
}

// offeredUntil is the latest lease end that transfers of a file ask for, in
// Unix seconds, or 0.
func (s *Store) offeredUntil(owner admin) (until int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, t := range s.transfers {
		if t.owner == owner {
			until = max(until, s.now().Add(t.lease).Unix())
		}
	}
	return until
}

func (b *batch) bury(owner admin, until int64) error {
	var row tombRow
	if _, err := b.get(tombKey(owner), &row); err != nil {
		return err
	}
	was := row.Until
	if row.Until = max(was, until); row.Until == was {
		return nil
	}
	if err := b.put(tombKey(owner), row); err != nil {
		return err
	}
	return b.reschedule(tombKey(owner), was, row.Until)
}

// sweep removes the files of doomed shards and takes them off the counters.
func (s *Store) sweep(ids []shard.ID) error {
	var group errgroup.Group
	group.SetLimit(sweepers)
	for _, id := range ids {
		group.Go(func() error {
			defer s.files.lock(id)()
			return s.sweepLocked(id)
		})
	}
	return group.Wait()
}

// sweepLocked is sweep for a caller that holds the file's lock. Somebody may
// have stored the shard again meanwhile: then it is doomed no longer.
func (s *Store) sweepLocked(id shard.ID) error {
	var doomed bool
	err := s.view(func(t tx) (err error) {
		doomed, err = t.get(doomedKey(id), nil)
		return err
	})
	if err != nil || !doomed {
		return err
	}
	if err := s.here(); err != nil {
		return err
	}
	path := s.path(id)
	if err := s.removeFile(path); err != nil {
		return err
	}
	s.at("file removed")
	if err := s.syncRemoval(path); err != nil {
		return err
	}
	return s.update(func(b *batch) error {
		var row doomedRow
		if known, err := b.get(doomedKey(id), &row); err != nil || !known {
			return err
		}
		b.count.Used -= diskSize(row.Length)
		return b.del(doomedKey(id))
	}, nil)
}

// strike takes a shard off the index whose file somebody removed or cut short.
func (s *Store) strike(id shard.ID, length uint32) error {
	defer s.files.lock(id)()
	return s.strikeLocked(id, length)
}

// strikeLocked is strike for a caller that holds the file's lock.
func (s *Store) strikeLocked(id shard.ID, length uint32) error {
	f, err := s.checkFile(id, length)
	if err == nil {
		return f.Close()
	}
	if !errors.Is(err, wire.ErrNotFound) && !errors.Is(err, wire.ErrDamaged) {
		return err
	}
	s.logger.Warn("a stored shard is lost", "shard", id, "err", err)
	s.metrics.lost.Inc()
	for more := true; more; {
		err := s.update(func(b *batch) (err error) {
			more, err = b.strikeSome(id)
			return err
		}, nil)
		if err != nil {
			return err
		}
	}
	return s.sweepLocked(id)
}

func (b *batch) strikeSome(id shard.ID) (more bool, err error) {
	var owners []admin
	err = b.tails(key(keyLease, id[:]), nil, func(tail []byte) (bool, error) {
		owners = append(owners, admin(tail))
		return len(owners) < dropAtOnce, nil
	})
	for _, owner := range owners {
		if err != nil {
			break
		}
		_, _, err = b.dropLease(id, owner)
	}
	return len(owners) == dropAtOnce, err
}
