package store

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Notes returns the notes under a locator, in no order: at most
// [shard.MaxWriters]. When there are more, because several admin keys have some
// there, each key has its share, the latest to come first. None is no error.
func (s *Store) Notes(l shard.Locator) (notes []shard.SignedNote, err error) {
	err = s.view(func(t tx) error {
		chosen, err := t.notesUnder(l)
		if err != nil {
			return err
		}
		for _, at := range chosen {
			lot, err := t.noteLot(at)
			if err != nil {
				return err
			}
			notes = append(notes, lot.SignedNote)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("notes: %w", err)
	}
	return notes, nil
}

// notesUnder chooses among the notes under a locator.
func (t tx) notesUnder(l shard.Locator) ([]noteAt, error) {
	type found struct {
		noteAt
		came int64
		rank int // among those of its key
	}
	var all []found
	err := t.tails(key(keyNote, l[:]), nil, func(tail []byte) (bool, error) {
		at, err := parseNote(append(l[:len(l):len(l)], tail...))
		var row noteRow
		if err == nil {
			_, err = t.get(at.key(keyNote), &row)
		}
		all = append(all, found{noteAt: at, came: row.Time})
		return true, err
	})
	if err != nil {
		return nil, err
	}
	slices.SortFunc(all, func(a, b found) int {
		return cmp.Or(slices.Compare(a.owner[:], b.owner[:]), cmp.Compare(b.came, a.came))
	})
	for i := range all {
		if i > 0 && all[i].owner == all[i-1].owner {
			all[i].rank = all[i-1].rank + 1
		}
	}
	slices.SortStableFunc(all, func(a, b found) int { return cmp.Compare(a.rank, b.rank) })
	chosen := make([]noteAt, 0, shard.MaxWriters)
	for _, f := range all[:min(len(all), shard.MaxWriters)] {
		chosen = append(chosen, f.noteAt)
	}
	return chosen, nil
}

// noteLot reads a note as it came. It gives [wire.ErrNotFound].
func (t tx) noteLot(at noteAt) (lot shard.NoteLot, err error) {
	var row noteRow
	var blob blobRow
	var file ownerRow
	for _, part := range []struct {
		key  []byte
		into any
	}{{at.key(keyNote), &row}, {at.key(keyBlob), &blob}, {ownerKey(at.owner), &file}} {
		if known, err := t.get(part.key, part.into); err != nil || !known {
			return lot, cmp.Or(err, error(wire.ErrNotFound))
		}
	}
	lot.SignedNote = shard.SignedNote{Grant: file.Grant, Note: row.Note, Blob: blob.Blob}
	if err := wire.Unmarshal(file.Grant.Body, &lot.Grant); err != nil {
		return lot, err
	}
	if err := wire.Unmarshal(row.Note.Body, &lot.Note); err != nil {
		return lot, err
	}
	lot.Peer = row.payer().peer
	lot.From, err = row.payer().prefix()
	return lot, err
}

// AllNotes yields every note whose lease runs, for a host that leaves; Peer and
// From are those whose quotas it counts against. The consumer may take its
// time: what comes and goes meanwhile may be missed. An error, that of ctx too,
// ends it.
func (s *Store) AllNotes(ctx context.Context) iter.Seq2[shard.NoteLot, error] {
	return each(ctx, s, keyNote, func(t tx, tail []byte) (shard.NoteLot, error) {
		at, err := parseNote(tail)
		if err != nil {
			return shard.NoteLot{}, err
		}
		var row noteRow
		if _, err := t.get(at.key(keyNote), &row); err != nil || row.End <= s.now().Unix() {
			return shard.NoteLot{}, cmp.Or(err, error(wire.ErrNotFound))
		}
		return t.noteLot(at)
	})
}
