package store

import (
	"bytes"
	"slices"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// maxPlaces bounds the places of one shard in one file: as many as a segment
// has shards.
const maxPlaces = shard.MaxShards

// placeCost is what a place takes of the capacity and of the quotas beside the
// shard's bytes and tree: its rows in the index, some 1.2 KiB, and what a file
// leaves empty of the last block of the file system, most often 4 KiB. So a
// million shards of one byte each count as 4 GiB, not as 9 MB.
const placeCost = 4 << 10

// bid asks the index for a lease.
type bid struct {
	shard.Lot
	placed bool  // this transfer brought the bytes; else the owner must have a lease already
	time   int64 // of the file that it brought; see fileRow
	now    time.Time
}

// leased is what came of a bid: the lease's end, and whether there is one.
type leased struct {
	end     time.Time
	granted bool
}

// lease grants a lease, with every row that it needs. It gives
// [wire.ErrDeleted], [wire.ErrDamaged] (another length) or
// [wire.ErrBadRequest].
func (b *batch) lease(lot bid) (leased, error) {
	owner, id, now := admin(lot.Grant.Admin), lot.Offer.Shard, lot.now
	if err := b.refuseDeleted(owner, now); err != nil {
		return leased{}, err
	}
	var file fileRow
	stored, err := b.get(fileKey(id), &file)
	if err != nil {
		return leased{}, err
	}
	if !lot.placed {
		if mine, err := b.get(leaseKey(id, owner), nil); err != nil || !mine || !stored {
			return leased{}, err
		}
	}
	if !stored {
		if file, err = b.addFile(lot.Offer, now); err != nil {
			return leased{}, err
		}
	}
	if file.Length != lot.Offer.Length {
		return leased{}, wire.ErrDamaged.With("the shard has %d bytes, not %d", file.Length, lot.Offer.Length)
	}
	if lot.placed {
		file.Time = lot.time
	}
	end, fresh, err := b.addLease(lot)
	if err != nil {
		return leased{}, err
	}
	if fresh {
		file.Leases++
		err := b.addOwner(lot.Grant, lot.SignedGrant, func(row *ownerRow) { row.Leases++ })
		if err != nil {
			return leased{}, err
		}
	}
	if err := b.put(fileKey(id), file); err != nil {
		return leased{}, err
	}
	return leased{end: end, granted: true}, b.del(intentKey(nameTransfer(lot.Offer)))
}

// refuseDeleted gives [wire.ErrDeleted] while a file's tombstone stands, or its
// delete goes on.
func (t tx) refuseDeleted(owner admin, now time.Time) error {
	if under, err := t.get(deleteKey(owner), nil); err != nil {
		return err
	} else if under {
		return wire.ErrDeleted
	}
	var tomb tombRow
	deleted, err := t.get(tombKey(owner), &tomb)
	if err == nil && deleted && now.Unix() < tomb.Until {
		return wire.ErrDeleted
	}
	return err
}

func (b *batch) addFile(o shard.Offer, now time.Time) (fileRow, error) {
	file := fileRow{Length: o.Length, Since: now.Unix()}
	b.count.Shards++
	doomed, err := b.get(doomedKey(o.Shard), nil)
	if err != nil {
		return file, err
	}
	if doomed { // its bytes have not been taken off yet
		return file, b.del(doomedKey(o.Shard))
	}
	b.count.Used += diskSize(o.Length)
	return file, nil
}

// addLease prolongs the file's lease on the shard, or makes one and charges
// the peer for it.
func (b *batch) addLease(lot bid) (end time.Time, fresh bool, err error) {
	owner, o := admin(lot.Grant.Admin), lot.Offer
	at := place{Segment: o.Segment, Index: o.Index}
	var row leaseRow
	known, err := b.get(leaseKey(o.Shard, owner), &row)
	if err != nil {
		return end, false, err
	}
	var more int64
	if !known {
		who := payerOf(lot.Peer, lot.From)
		row.Peer, row.Network = []byte(who.peer), []byte(who.network)
		more = diskSize(o.Length)
	}
	if !slices.Contains(row.Places, at) {
		if len(row.Places) >= maxPlaces {
			return end, false, wire.ErrBadRequest.With("one shard in more than %d places", maxPlaces)
		}
		row.Places = append(row.Places, at)
		b.count.Places++
		more += placeCost
	}
	if err := b.charge(row.payer(), more); err != nil {
		return end, false, err
	}
	was := row.due()
	if !lot.Draft {
		row.Draft = 0
	} else if !known || row.Draft != 0 {
		row.Draft = max(row.Draft, lot.now.Add(DraftTime).Unix())
	}
	row.prolong(lot.now.Unix() + int64(o.Lease))
	if err := b.putLease(o.Shard, owner, was, row); err != nil {
		return end, false, err
	}
	err = b.put(placeKey(owner, at, o.Shard), placeRow{Length: o.Length, Offer: lot.SignedOffer})
	return time.Unix(row.End, 0), !known, err
}

// addOwner changes the row of a file, which it makes when there is none. A file
// has one grant here, and so one locator.
func (b *batch) addOwner(grant shard.Grant, signed wire.Signed, change func(*ownerRow)) error {
	owner := admin(grant.Admin)
	var row ownerRow
	known, err := b.get(ownerKey(owner), &row)
	if err != nil {
		return err
	}
	if known && !bytes.Equal(row.Grant.Body, signed.Body) {
		return wire.ErrBadRequest.With("the file has another grant here")
	}
	if !known {
		row.Locator, row.Grant = grant.Locator, signed
		if err := b.put(locatorKey(row.Locator, owner), struct{}{}); err != nil {
			return err
		}
	}
	change(&row)
	return b.put(ownerKey(owner), row)
}

// dropLease ends a file's lease on a shard. The last one dooms the shard.
func (b *batch) dropLease(id shard.ID, owner admin) (row leaseRow, doomed bool, err error) {
	if known, err := b.get(leaseKey(id, owner), &row); err != nil || !known {
		return row, false, err
	}
	for _, at := range row.Places {
		if err := b.del(placeKey(owner, at, id)); err != nil {
			return row, false, err
		}
	}
	if err := b.reschedule(leaseKey(id, owner), row.due(), 0); err != nil {
		return row, false, err
	}
	if err := b.del(leaseKey(id, owner)); err != nil {
		return row, false, err
	}
	b.count.Places -= int64(len(row.Places))
	if err := b.dropOwner(owner, func(row *ownerRow) { row.Leases-- }); err != nil {
		return row, false, err
	}
	var file fileRow
	known, err := b.get(fileKey(id), &file)
	if err != nil || !known {
		return row, false, err
	}
	if err := b.charge(row.payer(), -diskSize(file.Length)-placeCost*int64(len(row.Places))); err != nil {
		return row, false, err
	}
	if file.Leases--; file.Leases > 0 {
		return row, false, b.put(fileKey(id), file)
	}
	b.count.Shards--
	if err := b.del(fileKey(id)); err != nil {
		return row, false, err
	}
	return row, true, b.put(doomedKey(id), doomedRow{Length: file.Length})
}

// dropOwner changes the row of a file, which goes when the file has nothing here
// any more.
func (b *batch) dropOwner(owner admin, change func(*ownerRow)) error {
	var row ownerRow
	known, err := b.get(ownerKey(owner), &row)
	if err != nil || !known {
		return err
	}
	if change(&row); row.Leases > 0 || row.Notes > 0 {
		return b.put(ownerKey(owner), row)
	}
	if err := b.del(locatorKey(row.Locator, owner)); err != nil {
		return err
	}
	return b.del(ownerKey(owner))
}
