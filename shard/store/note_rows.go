package store

import (
	"encoding/binary"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// noteRow is a note without its bytes, which have a row of their own: so a
// lease is prolonged without writing them again.
type noteRow struct {
	Seq     uint64       `cbor:"1,keyasint"`
	Length  uint32       `cbor:"2,keyasint"`
	Sum     shard.Digest `cbor:"3,keyasint"`
	End     int64        `cbor:"4,keyasint"`           // Unix seconds
	Time    int64        `cbor:"5,keyasint"`           // when it came, Unix seconds
	Peer    []byte       `cbor:"6,keyasint"`           // whose quota it counts against
	Network []byte       `cbor:"7,keyasint,omitempty"` // and which network's; see payer
	Note    wire.Signed  `cbor:"8,keyasint"`
	Trash   int64        `cbor:"9,keyasint,omitempty"` // Unix seconds at which it is dropped, in the trash; 0: not in it
}

// blobRow is the bytes of a note.
type blobRow struct {
	Blob []byte `cbor:"1,keyasint"`
}

func (r noteRow) payer() payer { return payer{peer: peer.ID(r.Peer), network: string(r.Network)} }

// size is what the note counts as.
func (r noteRow) size() int64 { return int64(r.Length) + noteCost }

// due is when something is to be done about the note, in Unix seconds; 0 for one
// that is not yet one.
func (r noteRow) due() int64 {
	switch {
	case r.End == 0:
		return 0
	case r.Trash != 0:
		return r.Trash
	}
	return r.End + int64(GraceTime/time.Second)
}

// noteAt names a note.
type noteAt struct {
	locator shard.Locator
	owner   admin
	writer  uint32
}

// noteTail is the length of a note's key without its kind.
const noteTail = 32 + 32 + 4

func (at noteAt) key(kind string) []byte {
	return key(kind, at.locator[:], at.owner[:], binary.BigEndian.AppendUint32(nil, at.writer))
}

func parseNote(tail []byte) (noteAt, error) {
	if len(tail) != noteTail {
		return noteAt{}, fmt.Errorf("note at %x: %w", tail, wire.ErrBadRequest)
	}
	return noteAt{shard.Locator(tail[:32]), admin(tail[32:64]), binary.BigEndian.Uint32(tail[64:])}, nil
}

// putNote writes a note that was due at another time before.
func (b *batch) putNote(at noteAt, was int64, row noteRow) error {
	if err := b.reschedule(at.key(keyNote), was, row.due()); err != nil {
		return err
	}
	return b.put(at.key(keyNote), row)
}

// prolongNote sets the end of a note's lease, never to an earlier one, and takes
// it out of the trash.
func (b *batch) prolongNote(at noteAt, row noteRow, end int64) (noteRow, error) {
	was := row.due()
	if end <= row.End && row.Trash == 0 {
		return row, nil
	}
	row.End, row.Trash = max(row.End, end), 0
	return row, b.putNote(at, was, row)
}

// chargeNote counts a note in (1) or out (-1).
func (b *batch) chargeNote(row noteRow, sign int64) error {
	b.count.Notes += sign * row.size()
	return b.charge(row.payer(), sign*row.size())
}

// notesOf returns the notes of a file: at most [shard.MaxWriters].
func (t tx) notesOf(owner admin) (notes []noteAt, err error) {
	var file ownerRow
	if known, err := t.get(ownerKey(owner), &file); err != nil || !known || file.Notes == 0 {
		return nil, err
	}
	prefix := key(keyNote, file.Locator[:], owner[:])
	err = t.tails(prefix, nil, func(tail []byte) (bool, error) {
		notes = append(notes, noteAt{file.Locator, owner, binary.BigEndian.Uint32(tail)})
		return true, nil
	})
	return notes, err
}

// renewNotes prolongs the leases of a file's notes to end, in Unix seconds.
func (b *batch) renewNotes(owner admin, end int64) error {
	notes, err := b.notesOf(owner)
	for _, at := range notes {
		var row noteRow
		if err == nil {
			_, err = b.get(at.key(keyNote), &row)
		}
		if err == nil {
			_, err = b.prolongNote(at, row, end)
		}
	}
	return err
}

// dropNotes drops a file's notes. until is the latest end of their leases, in
// Unix seconds, or 0.
func (b *batch) dropNotes(owner admin) (until int64, err error) {
	notes, err := b.notesOf(owner)
	for _, at := range notes {
		if err != nil {
			return until, err
		}
		var end int64
		end, err = b.dropNote(at)
		until = max(until, end)
	}
	return until, err
}

// expireNote drops a note whose time in the trash is over, and puts any other
// into the trash.
func (b *batch) expireNote(at noteAt, now time.Time) error {
	var row noteRow
	if known, err := b.get(at.key(keyNote), &row); err != nil || !known || row.due() > now.Unix() {
		return err
	}
	if row.Trash != 0 {
		_, err := b.dropNote(at)
		return err
	}
	was := row.due()
	row.Trash = now.Add(TrashTime).Unix()
	return b.putNote(at, was, row)
}

// dropNote drops a note and returns when its lease ends, or ended.
func (b *batch) dropNote(at noteAt) (end int64, err error) {
	var row noteRow
	if known, err := b.get(at.key(keyNote), &row); err != nil || !known {
		return 0, err
	}
	if err := b.reschedule(at.key(keyNote), row.due(), 0); err != nil {
		return 0, err
	}
	for _, kind := range []string{keyNote, keyBlob} {
		if err := b.del(at.key(kind)); err != nil {
			return 0, err
		}
	}
	if err := b.chargeNote(row, -1); err != nil {
		return 0, err
	}
	return row.End, b.dropOwner(at.owner, func(file *ownerRow) { file.Notes-- })
}
