package store

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// eachPage is how many keys are read at a time.
const eachPage = 256

// Lots yields every place that a shard has here, as it was offered, for a host
// that leaves; Peer and From are those whose quotas it counts against. What is
// in quarantine is left out, and what has no lease that runs: another host would
// give it a new one. The consumer may take its time: what comes and goes
// meanwhile may be missed. An error, that of ctx too, ends it.
func (s *Store) Lots(ctx context.Context) iter.Seq2[shard.Lot, error] {
	return each(ctx, s, keyPlace, func(t tx, tail []byte) (shard.Lot, error) {
		at, id, err := parsePlace(tail[min(len(tail), len(admin{})):])
		if err != nil {
			return shard.Lot{}, err
		}
		return t.lot(admin(tail[:len(admin{})]), at, id, s.now())
	})
}

// lot reads a place as it was offered. It gives [wire.ErrNotFound], also when the
// lease is over.
func (t tx) lot(owner admin, at place, id shard.ID, now time.Time) (lot shard.Lot, err error) {
	var row placeRow
	var lease leaseRow
	var file ownerRow
	for _, part := range []struct {
		key  []byte
		into any
	}{{placeKey(owner, at, id), &row}, {leaseKey(id, owner), &lease}, {ownerKey(owner), &file}} {
		known, err := t.get(part.key, part.into)
		if err != nil {
			return lot, err
		}
		if !known {
			return lot, wire.ErrNotFound
		}
	}
	if lease.Trash != 0 || lease.End <= now.Unix() {
		return lot, wire.ErrNotFound
	}
	lot = shard.Lot{Peer: lease.payer().peer, SignedGrant: file.Grant, SignedOffer: row.Offer, Draft: lease.Draft != 0}
	if err := wire.Unmarshal(file.Grant.Body, &lot.Grant); err != nil {
		return lot, err
	}
	if err := wire.Unmarshal(row.Offer.Body, &lot.Offer); err != nil {
		return lot, err
	}
	lot.From, err = lease.payer().prefix()
	return lot, err
}

// each reads what lies at every key of a kind, one transaction for a page of
// keys and one for each of them: none is open while the consumer works. What is
// [wire.ErrNotFound] is left out.
func each[T any](ctx context.Context, s *Store, kind string, read func(tx, []byte) (T, error)) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var after []byte
		for {
			page, err := s.page(kind, after, eachPage)
			for _, tail := range page {
				var v T
				if err = ctx.Err(); err == nil {
					err = s.view(func(t tx) (err error) {
						v, err = read(t, tail)
						return err
					})
				}
				if errors.Is(err, wire.ErrNotFound) {
					err = nil
					continue
				}
				if err != nil {
					break
				}
				if !yield(v, nil) {
					return
				}
			}
			if err != nil {
				var none T
				yield(none, fmt.Errorf("read rows %s: %w", kind, err))
				return
			}
			if len(page) < eachPage {
				return
			}
			after = page[len(page)-1]
		}
	}
}
