package store

import (
	"fmt"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Renew prolongs leases of a file to lease from now, at most
// [shard.LeaseMax]; none becomes shorter. It confirms drafts and takes shards
// out of the trash. With spots, it looks at those only, at most limit of them;
// without, at up to limit places past the cursor after, and the first page
// (after nil) renews the file's notes as well. It returns the places that are
// renewed, and whose shards are here, with their new lease ends, and the
// cursor of the next page, nil at the end.
//
// Errors: [wire.ErrDeleted], [wire.ErrBadRequest] and [wire.ErrFull].
func (s *Store) Renew(grant shard.Grant, spots []shard.Spot, lease time.Duration, after []byte, limit int) (rows []shard.Held, next []byte, err error) {
	if lease < time.Second || lease > shard.LeaseMax || len(spots) > limit || len(grant.Admin) != len(admin{}) {
		return nil, nil, wire.ErrBadRequest.With("renew %d of at most %d spots for %s, key of %d bytes", len(spots), limit, lease, len(grant.Admin))
	}
	owner, all := admin(grant.Admin), len(spots) == 0
	if all {
		rows, next, err = s.heldPage(grant.Admin, after, limit)
	} else {
		rows, err = s.heldAt(owner, spots)
	}
	if err == nil {
		rows, err = s.renew(owner, rows, lease, all && len(after) == 0)
	}
	if err != nil {
		return nil, nil, fmt.Errorf("renew: %w", err)
	}
	return rows, next, nil
}

// heldAt returns those of the spots that the file has here, whole.
func (s *Store) heldAt(owner admin, spots []shard.Spot) (rows []shard.Held, err error) {
	err = s.view(func(t tx) error {
		for _, spot := range spots {
			at := placeKey(owner, place{Segment: spot.Segment, Index: spot.Index}, spot.Shard)
			known, err := t.get(at, nil)
			if err != nil {
				return err
			}
			if !known {
				continue
			}
			row, err := t.held(owner, at[len(keyPlace)+len(owner):])
			if err != nil {
				return err
			}
			rows = append(rows, row)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return s.present(rows, s.newLook())
}

// renew prolongs the leases of these places. Those that have gone meanwhile are
// left out.
func (s *Store) renew(owner admin, rows []shard.Held, lease time.Duration, notes bool) (renewed []shard.Held, err error) {
	now := s.now()
	end := now.Add(lease).Unix()
	err = s.update(func(b *batch) error {
		renewed = make([]shard.Held, 0, len(rows))
		if err := b.refuseDeleted(owner, now); err != nil {
			return err
		}
		if notes {
			if err := b.renewNotes(owner, end); err != nil {
				return err
			}
		}
		for _, row := range rows {
			at, known, err := b.renewLease(row.Shard, owner, end)
			if err != nil {
				return err
			}
			if row.LeaseEnd = at; known {
				renewed = append(renewed, row)
			}
		}
		return nil
	}, nil)
	return renewed, err
}

// renewLease prolongs a lease that there is, and returns when it ends.
func (b *batch) renewLease(id shard.ID, owner admin, end int64) (at int64, known bool, err error) {
	var row leaseRow
	if known, err = b.get(leaseKey(id, owner), &row); err != nil || !known {
		return 0, known, err
	}
	old, was := row, row.due()
	row.prolong(end)
	row.Draft = 0
	if row.End == old.End && row.Draft == old.Draft && row.Trash == old.Trash {
		return row.End, true, nil
	}
	return row.End, true, b.putLease(id, owner, was, row)
}
