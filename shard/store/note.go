package store

import (
	"fmt"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// noteCost is what a note counts as beside its bytes: its rows, those of its
// file when it has nothing else here, and what Badger takes while it compacts.
const noteCost = 4 << 10

// maxAdmins bounds the admin keys with notes under one locator: so many of those
// with shards here, and as many of those without. Nothing ties a locator to the
// key of who made it, so whoever knows it can leave notes there under a key of
// his own. Who comes first stays: a stranger can neither replace nor push out
// what the owner has here, and without bringing shards he cannot keep an owner
// out who has some. Where strangers were first with all keys, the owner's notes
// are refused, and lie at other hosts.
// Readers know the owner's key and leave all others' notes out; of those that
// one answer has room for, each key has its share. What a stranger leaves
// counts against his own quotas.
const maxAdmins = 4

// PutNote keeps a note, and returns when its lease ends, once it survives a
// power cut. A note takes the place of the same writer's earlier one; the very
// note that is here gets a longer lease.
//
// Errors: [wire.ErrStale] (a later one is here, or another one of this number),
// [wire.ErrQuota] (the peer's, the network's, or too many writers or keys have
// notes of this file), [wire.ErrFull], [wire.ErrDeleted], [wire.ErrDamaged]
// (other bytes than were signed) and [wire.ErrBadRequest].
func (s *Store) PutNote(lot shard.NoteLot) (leaseEnd time.Time, err error) {
	if err := checkNote(lot); err != nil {
		return time.Time{}, fmt.Errorf("put note: %w", s.metrics.reject(err))
	}
	s.taking.RLock()
	defer s.taking.RUnlock()
	now, diskFree := s.now(), s.diskFree()
	var row noteRow
	err = s.update(func(b *batch) (err error) {
		row, err = s.enterNote(b, lot, now, diskFree)
		return err
	}, nil)
	if err != nil {
		return time.Time{}, fmt.Errorf("put note: %w", s.metrics.reject(err))
	}
	if s.stored != nil {
		s.stored(lot.Grant.Locator)
	}
	return time.Unix(row.End, 0), nil
}

func checkNote(lot shard.NoteLot) error {
	n := lot.Note
	switch {
	case n.Length == 0 || n.Length > shard.MaxNote:
		return wire.ErrTooBig.With("a note of %d bytes; 1 to %d are taken", n.Length, shard.MaxNote)
	case n.Lease == 0 || time.Duration(n.Lease)*time.Second > shard.LeaseMax:
		return wire.ErrBadRequest.With("a lease of %d s; 1 to %d are granted", n.Lease, int64(shard.LeaseMax/time.Second))
	case len(lot.Grant.Admin) != len(admin{}):
		return wire.ErrBadRequest.With("admin key of %d bytes", len(lot.Grant.Admin))
	}
	return n.Check(lot.Blob)
}

// enterNote writes the rows of a note, and returns what is kept of it.
func (s *Store) enterNote(b *batch, lot shard.NoteLot, now time.Time, diskFree int64) (noteRow, error) {
	n, at := lot.Note, noteAt{lot.Grant.Locator, admin(lot.Grant.Admin), lot.Note.Writer}
	if err := b.refuseDeleted(at.owner, now); err != nil {
		return noteRow{}, err
	}
	var old noteRow
	known, err := b.get(at.key(keyNote), &old)
	if err != nil {
		return old, err
	}
	end := max(old.End, now.Unix()+int64(n.Lease))
	if known && n.Seq == old.Seq && n.Sum == old.Sum {
		return b.prolongNote(at, old, end)
	}
	if known && n.Seq <= old.Seq {
		return old, wire.ErrStale.With("number %d of this writer is kept", old.Seq)
	}
	if known {
		err = b.chargeNote(old, -1)
	} else {
		err = b.addWriter(at)
	}
	if err != nil {
		return old, err
	}
	err = b.addOwner(lot.Grant, lot.SignedNote.Grant, func(row *ownerRow) {
		if !known {
			row.Notes++
		}
	})
	if err != nil {
		return old, err
	}
	who := payerOf(lot.Peer, lot.From)
	row := noteRow{
		Seq: n.Seq, Length: n.Length, Sum: n.Sum, End: end, Time: now.Unix(),
		Peer: []byte(who.peer), Network: []byte(who.network), Note: lot.SignedNote.Note,
	}
	if err := s.admitNote(b, row, diskFree); err != nil {
		return old, err
	}
	if err := b.chargeNote(row, 1); err != nil {
		return old, err
	}
	if err := b.put(at.key(keyBlob), blobRow{lot.Blob}); err != nil {
		return old, err
	}
	return row, b.putNote(at, old.due(), row)
}

// addWriter gives [wire.ErrQuota] when one more writer is one too many.
func (b *batch) addWriter(at noteAt) error {
	writers, others := 0, map[admin]bool{}
	err := b.tails(key(keyNote, at.locator[:]), nil, func(tail []byte) (bool, error) {
		if owner := admin(tail[:len(admin{})]); owner == at.owner {
			writers++
		} else {
			others[owner] = true
		}
		return true, nil
	})
	if err != nil {
		return err
	}
	if writers >= shard.MaxWriters {
		return wire.ErrQuota.With("%d writers have notes of this file", writers)
	}
	alike, err := b.alike(at.owner, others)
	if err == nil && (alike >= maxAdmins || len(others) >= 2*maxAdmins) {
		err = wire.ErrQuota.With("%d other keys have notes under this locator", len(others))
	}
	return err
}

// alike counts those of the others that have shards here, or have none, as this
// one.
func (b *batch) alike(owner admin, others map[admin]bool) (count int, err error) {
	mine, err := b.hasShards(owner)
	for other := range others {
		if err != nil {
			break
		}
		var theirs bool
		if theirs, err = b.hasShards(other); theirs == mine {
			count++
		}
	}
	return count, err
}

func (b *batch) hasShards(owner admin) (bool, error) {
	var row ownerRow
	_, err := b.get(ownerKey(owner), &row)
	return row.Leases > 0, err
}

// admitNote gives [wire.ErrQuota] or [wire.ErrFull] unless there is room for a
// note that is not counted yet.
func (s *Store) admitNote(b *batch, row noteRow, diskFree int64) error {
	used, err := b.spent(row.payer())
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.expireHolds()
	if row.size() > s.quotaLeft(row.payer(), used) {
		return wire.ErrQuota
	}
	if s.closed { // room that an earlier note gave back is none
		return wire.ErrFull
	}
	waiting := b.count.taken() - s.count.taken()
	if row.size() > s.room(diskFree, s.holds[row.payer().peer].bytes)-waiting {
		return wire.ErrFull
	}
	return nil
}
