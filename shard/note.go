package shard

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// The bounds of notes.
const (
	// MaxNote is the most bytes in a note's blob.
	MaxNote = 64 << 10
	// MaxWriters is the most writers whose notes a host keeps under one locator.
	MaxWriters = 16
)

// Note is a small sealed blob that the hosts of a locator keep beside its
// shards: a file's manifest, or a page of the owner's catalogue. The admin key
// signs it and it names no host, so that whoever looks after the file can carry
// it on. Of each writer (one device of the owner) a host keeps the note with
// the highest Seq.
type Note struct {
	Grant  Digest `cbor:"1,keyasint"`
	Writer uint32 `cbor:"2,keyasint"`
	Seq    uint64 `cbor:"3,keyasint"`
	Length uint32 `cbor:"4,keyasint"` // bytes of the blob
	Sum    Digest `cbor:"5,keyasint"` // BLAKE3-256 of the blob
	Lease  uint32 `cbor:"6,keyasint"` // seconds from the host's commit
}

// SignedNote is a note as it travels: what is needed to check it, and the blob.
type SignedNote struct {
	Grant wire.Signed
	Note  wire.Signed
	Blob  []byte
}

// NoteLot is a note that verified, as a store sees it.
type NoteLot struct {
	Peer  peer.ID      // who is at the other end of the connection
	From  netip.Prefix // the network it speaks from; zero on loopback
	Grant Grant
	Note  Note
	SignedNote
}

// Sign signs the note with the file's admin key.
func (n Note) Sign(admin ed25519.PrivateKey, mesh string) (wire.Signed, error) {
	return wire.Sign(admin, wire.Domain{Kind: "note", Mesh: mesh}, n)
}

// OpenNote returns the note in s when g's admin key signed it under this very
// grant and its numbers are in bounds. The blob is checked by [Note.Check].
func OpenNote(s wire.Signed, g Grant, grant Digest) (Note, error) {
	var n Note
	if err := s.Open(g.Admin, wire.Domain{Kind: "note", Mesh: g.Mesh}, &n); err != nil {
		return Note{}, err
	}
	if n.Grant != grant {
		return Note{}, fmt.Errorf("note: made under another grant: %w", wire.ErrBadSignature)
	}
	if n.Length == 0 || n.Length > MaxNote {
		return Note{}, fmt.Errorf("note: %w", wire.ErrTooBig.With("a note of %d bytes; 1 to %d are taken", n.Length, MaxNote))
	}
	if lease := time.Duration(n.Lease) * time.Second; lease == 0 || lease > LeaseMax {
		return Note{}, fmt.Errorf("note: lease of %s: %w", lease, wire.ErrBadRequest)
	}
	return n, nil
}

// Check returns [wire.ErrDamaged], wrapped, unless blob is what the note was
// signed for.
func (n Note) Check(blob []byte) error {
	if len(blob) != int(n.Length) || blake3.Sum256(blob) != n.Sum {
		return fmt.Errorf("note: its %d bytes are not those that were signed: %w", len(blob), wire.ErrDamaged)
	}
	return nil
}

// NoteReceipt is a host's promise to keep a note. Its identity key signs it.
type NoteReceipt struct {
	Grant    Digest  `cbor:"1,keyasint"`
	Writer   uint32  `cbor:"2,keyasint"`
	Seq      uint64  `cbor:"3,keyasint"`
	Sum      Digest  `cbor:"4,keyasint"`
	LeaseEnd int64   `cbor:"5,keyasint"` // Unix seconds, by the host's clock
	Host     peer.ID `cbor:"6,keyasint"`
	Time     int64   `cbor:"7,keyasint"` // Unix seconds, by the host's clock
}

// Sign signs the receipt with the host's identity key.
func (r NoteReceipt) Sign(host ed25519.PrivateKey, mesh string) (wire.Signed, error) {
	return wire.Sign(host, wire.Domain{Kind: "note-receipt", Mesh: mesh}, r)
}

// OpenNoteReceipt returns the receipt in s when host signed it for this very
// note, and it promises to keep it for at least the time asked (less
// [ClockSlack]). A host that has a newer note of the same writer answers
// [wire.ErrStale] instead.
func OpenNoteReceipt(s wire.Signed, host peer.ID, mesh string, n Note) (NoteReceipt, error) {
	key, err := PeerKey(host)
	if err != nil {
		return NoteReceipt{}, err
	}
	var r NoteReceipt
	if err := s.Open(key, wire.Domain{Kind: "note-receipt", Mesh: mesh}, &r); err != nil {
		return NoteReceipt{}, err
	}
	if r.Grant != n.Grant || r.Writer != n.Writer || r.Seq != n.Seq || r.Sum != n.Sum || r.Host != host {
		return NoteReceipt{}, fmt.Errorf("note receipt: for another note or host: %w", wire.ErrBadSignature)
	}
	if r.Time < 0 || r.LeaseEnd < r.Time || r.LeaseEnd-r.Time < int64(n.Lease)-int64(ClockSlack/time.Second) {
		return NoteReceipt{}, fmt.Errorf("note receipt: lease of %d s, %d s were asked: %w", r.LeaseEnd-r.Time, n.Lease, wire.ErrBadRequest)
	}
	return r, nil
}

// Timely is [Receipt.Timely] for a note's receipt.
func (r NoteReceipt) Timely(now time.Time) error { return Receipt{Time: r.Time}.Timely(now) }
