package store

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Receive stores the shard that lot offers, and returns when its lease ends.
// Once it returns without an error, the shard and its lease survive a power
// cut.
//
// It calls ready at most once, with the bytes kept of an earlier try, and
// reads the rest of the shard, length − offset bytes, from the reader. A shard
// that this owner has here already is leased without a call of ready; another
// owner has to bring its bytes. ctx is looked at between reads; whoever gave the
// reader must end a read that hangs.
//
// Errors: [wire.ErrInProgress] (the same transfer is under way),
// [wire.ErrDeleted], [wire.ErrFull] (also when the disk refuses to write),
// [wire.ErrQuota], [wire.ErrTooBig], [wire.ErrBadRequest], and
// [wire.ErrDamaged] when the bytes are not the shard's; of these nothing is
// kept. After any other error, the reader's or that of ctx, and when the store
// stops taking meanwhile (see [Store.Take]), what came is kept for [KeepTime].
func (s *Store) Receive(ctx context.Context, lot shard.Lot, ready func(offset int64) (io.Reader, error)) (leaseEnd time.Time, err error) {
	began := s.now()
	end, err := s.receive(ctx, lot, ready)
	if err != nil {
		return time.Time{}, fmt.Errorf("receive %s: %w", lot.Offer.Shard, s.metrics.reject(err))
	}
	s.metrics.committed(s.now().Sub(began))
	if s.stored != nil {
		s.stored(lot.Grant.Locator)
	}
	return end, nil
}

func (s *Store) receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	if err := checkLot(lot); err != nil {
		return time.Time{}, err
	}
	t, err := s.begin(lot)
	if err != nil {
		return time.Time{}, err
	}
	defer s.end(t)
	got, err := s.leaseStored(lot)
	if got.granted || errors.Is(err, wire.ErrDeleted) {
		return got.end, s.abandon(t, err)
	}
	if err != nil {
		return time.Time{}, err
	}
	if err := s.reserve(t, diskSize(t.length)+placeCost); err != nil {
		return time.Time{}, err
	}
	s.at("reserved")
	intent := s.intend(t)
	if err := s.fill(ctx, t, intent, ready); err != nil {
		return time.Time{}, err
	}
	return s.place(t, lot)
}

func checkLot(lot shard.Lot) error {
	o := lot.Offer
	switch {
	case o.Length == 0 || o.Length > shard.MaxShardLength:
		return wire.ErrTooBig.With("a shard of %d bytes; 1 to %d are taken", o.Length, shard.MaxShardLength)
	case o.Lease == 0 || time.Duration(o.Lease)*time.Second > shard.LeaseMax:
		return wire.ErrBadRequest.With("a lease of %d s; 1 to %d are granted", o.Lease, int64(shard.LeaseMax/time.Second))
	case len(lot.Grant.Admin) != len(admin{}):
		return wire.ErrBadRequest.With("admin key of %d bytes", len(lot.Grant.Admin))
	}
	return nil
}

// leaseStored prolongs the owner's lease if it has one, and makes sure that the
// shard is there.
func (s *Store) leaseStored(lot shard.Lot) (leased, error) {
	var file fileRow
	var lease leaseRow
	var known bool
	err := s.view(func(t tx) (err error) {
		if err := t.refuseDeleted(admin(lot.Grant.Admin), s.now()); err != nil {
			return err
		}
		known, err = t.get(leaseKey(lot.Offer.Shard, admin(lot.Grant.Admin)), &lease)
		if err == nil && known {
			known, err = t.get(fileKey(lot.Offer.Shard), &file)
		}
		return err
	})
	if err != nil || !known {
		return leased{}, err
	}
	err = s.intact(lot.Offer.Shard, file)
	if errors.Is(err, wire.ErrNotFound) || errors.Is(err, wire.ErrDamaged) {
		return leased{}, nil
	}
	if err != nil {
		return leased{}, err
	}
	s.taking.RLock()
	defer s.taking.RUnlock()
	more := &transfer{payer: lease.payer()}
	if !slices.Contains(lease.Places, place{Segment: lot.Offer.Segment, Index: lot.Offer.Index}) {
		if err := s.reserve(more, placeCost); err != nil {
			return leased{}, err
		}
		defer s.unreserve(more)
	}
	request := bid{Lot: lot, now: s.now()}
	var got leased
	err = s.update(func(b *batch) (err error) {
		got, err = b.lease(request)
		return err
	}, nil)
	return got, err
}

// place puts the filled temporary file where shards lie and commits it. A store
// that takes nothing any more keeps it as that of a broken transfer.
func (s *Store) place(t *transfer, lot shard.Lot) (time.Time, error) {
	s.taking.RLock()
	defer s.taking.RUnlock()
	if s.refuses() {
		return time.Time{}, s.putOff(t, wire.ErrFull)
	}
	unlock := s.files.lock(t.shard)
	defer unlock()
	there, err := s.inPlace(t)
	if err == nil && !there {
		err = s.move(t)
	}
	var info fs.FileInfo
	if err == nil {
		info, err = os.Stat(s.path(t.shard))
	}
	if err != nil {
		return time.Time{}, s.takeBack(t, indexRefused(err))
	}
	s.at("folder synced")
	request := bid{Lot: lot, placed: true, time: fileTime(info), now: s.now()}
	var got leased
	err = s.update(func(b *batch) (err error) {
		got, err = b.lease(request)
		return err
	}, func() { s.charge(t, 0) })
	if errors.Is(err, errStopped) {
		return time.Time{}, err // the next start finds the intent
	}
	if err != nil {
		return time.Time{}, s.takeBack(t, indexRefused(err))
	}
	t.kept, t.intended = 0, false
	if err := s.endQuarantine(t.shard); err != nil {
		s.logger.Warn("the damaged file of a shard that is whole again stays for a week", "shard", t.shard, "err", err)
	}
	if there {
		err = s.removeFile(s.tempPath(t.name))
	}
	return got.end, err
}

// inPlace reports whether the same shard was committed while this transfer
// brought its bytes, and nobody wrote to its file since. The caller holds the
// file's lock, so the file stays.
func (s *Store) inPlace(t *transfer) (bool, error) {
	row, err := s.row(t.shard)
	if errors.Is(err, wire.ErrNotFound) || errors.Is(err, wire.ErrDamaged) {
		return false, nil
	}
	return err == nil && row.Time != 0 && !s.altered(t.shard, row), err
}

// move renames the temporary file to its place and syncs the names.
func (s *Store) move(t *transfer) error {
	for try := 0; ; try++ {
		folder, err := s.folders.ensure(t.shard)
		if err != nil {
			return err
		}
		s.at("folder made")
		err = s.disk.rename(s.tempPath(t.name), s.path(t.shard))
		if err == nil {
			s.at("renamed")
			return s.disk.syncFolder(folder)
		}
		if try > 0 {
			return err
		}
		s.folders.forget(t.shard)
	}
}

// takeBack removes the file of a transfer that could not commit, and returns
// err. The caller holds the file's lock. A file that cannot be removed keeps
// its intent, by which the next start finds it.
func (s *Store) takeBack(t *transfer, err error) error {
	gone := s.view(func(tx tx) error {
		for _, owned := range [][]byte{fileKey(t.shard), doomedKey(t.shard)} {
			if known, err := tx.get(owned, nil); err != nil || known {
				return err
			}
		}
		return s.removeFile(s.path(t.shard))
	})
	if gone != nil {
		s.logger.Warn("a file that was not committed stays until the next start", "shard", t.shard, "err", gone)
		return err
	}
	return s.abandon(t, err)
}

// diskRefused is the answer when the disk does not take a shard.
func diskRefused(err error) error {
	return fmt.Errorf("%w: %w", wire.ErrFull, err)
}

// indexRefused keeps an answer as it is, and takes everything else for a
// refusal of the disk.
func indexRefused(err error) error {
	var answer *wire.Error
	if errors.As(err, &answer) {
		return err
	}
	return diskRefused(err)
}
