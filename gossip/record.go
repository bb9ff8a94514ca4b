package gossip

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"unicode/utf8"

	"github.com/batchain/batchain/wire"
)

// entry is the signed record of one key.
type entry struct {
	Incarnation uint64 `cbor:"1,keyasint"`
	Version     uint64 `cbor:"2,keyasint"`
	Key         string `cbor:"3,keyasint"`
	Value       []byte `cbor:"4,keyasint,omitempty"`
	Deleted     bool   `cbor:"5,keyasint,omitempty"`
	TTL         uint64 `cbor:"6,keyasint,omitempty"` // milliseconds for which it counts; 0: for ever
}

// head is the signed record of what a member's state is. It is replaced with
// every change.
type head struct {
	Incarnation uint64 `cbor:"1,keyasint"`
	Seq         uint64 `cbor:"2,keyasint"` // of heads, within the incarnation
	Max         uint64 `cbor:"3,keyasint"` // the latest version
	GC          uint64 `cbor:"4,keyasint"` // deletions up to this version are forgotten
	Root        []byte `cbor:"5,keyasint"` // see root
	Anchor      []byte `cbor:"6,keyasint"` // of the chain of heartbeats
	Base        uint64 `cbor:"7,keyasint"` // heartbeat of the anchor
	Left        bool   `cbor:"8,keyasint,omitempty"`
}

const rootSize = 16

// What the records of a gossip mesh are signed as.
const (
	entryKind = "gossip-entry"
	headKind  = "gossip-head"
)

const (
	maxRecord  = MaxKey + MaxValue + 128 // bytes of a record with its signature
	recordCost = 64                      // bytes that a record costs in memory beside its own
)

// signedEntry is an entry as it is kept and passed on.
type signedEntry struct {
	entry
	wire.Signed // as it was signed; empty while an own entry waits for its signature
}

// signedHead is a head as it is kept and passed on.
type signedHead struct {
	head
	wire.Signed
}

func signEntry(key ed25519.PrivateKey, mesh string, e entry) (signedEntry, error) {
	s, err := wire.Sign(key, wire.Domain{Kind: entryKind, Mesh: mesh}, e)
	return signedEntry{e, s}, err
}

func signHead(key ed25519.PrivateKey, mesh string, h head) (signedHead, error) {
	s, err := wire.Sign(key, wire.Domain{Kind: headKind, Mesh: mesh}, h)
	return signedHead{h, s}, err
}

// verifier says whether a member signed a record of a kind.
type verifier func(who identity, kind string, s wire.Signed) error

func newVerifier(mesh string) verifier {
	return func(who identity, kind string, s wire.Signed) error {
		return s.Verify(who.key(), wire.Domain{Kind: kind, Mesh: mesh})
	}
}

// parseEntry reads an entry and holds it to its bounds; it does not verify it.
func parseEntry(s wire.Signed) (signedEntry, error) {
	e := signedEntry{Signed: s}
	if err := parseRecord(s, &e.entry); err != nil {
		return e, err
	}
	return e, e.valid()
}

// parseHead reads a head and holds it to its bounds; it does not verify it.
func parseHead(s wire.Signed) (signedHead, error) {
	h := signedHead{Signed: s}
	if err := parseRecord(s, &h.head); err != nil {
		return h, err
	}
	return h, h.valid()
}

func parseRecord(s wire.Signed, into any) error {
	if len(s.Body) > maxRecord || len(s.Sig) != ed25519.SignatureSize {
		return fmt.Errorf("record of %d bytes: %w", len(s.Body), wire.ErrTooBig)
	}
	return wire.Unmarshal(s.Body, into)
}

func (e entry) valid() error {
	switch {
	case e.Version == 0 || e.Incarnation == 0:
		return wire.ErrBadRequest.With("entry without version or incarnation")
	case e.Deleted && (len(e.Value) > 0 || e.TTL > 0):
		return wire.ErrBadRequest.With("a deletion has no value")
	}
	return validPair(e.Key, e.Value)
}

// validPair says why a member cannot say value under key.
func validPair(key string, value []byte) error {
	switch {
	case len(key) == 0 || len(key) > MaxKey:
		return wire.ErrTooBig.With("key of %d bytes, 1 to %d are allowed", len(key), MaxKey)
	case !utf8.ValidString(key):
		return wire.ErrBadRequest.With("key is not UTF-8")
	case len(value) > MaxValue:
		return wire.ErrTooBig.With("value of %d bytes, at most %d are allowed", len(value), MaxValue)
	}
	return nil
}

func (h head) valid() error {
	if h.Incarnation == 0 || h.Incarnation > maxIncarnation || h.Seq == 0 || h.GC > h.Max || len(h.Root) != rootSize || len(h.Anchor) != linkSize {
		return wire.ErrBadRequest.With("head contradicts itself")
	}
	return nil
}

// root is the hash of all keys in order, with their versions and values, the
// deleted ones that are not forgotten among them. Whoever holds all of a state
// finds the root of its head; whoever was denied a part of it does not.
func root(entries map[string]*signedEntry) []byte {
	h := sha256.New()
	var number [8]byte
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		e := entries[key]
		binary.BigEndian.PutUint64(number[:], e.Version)
		h.Write(number[:])
		binary.BigEndian.PutUint32(number[:4], uint32(len(key)))
		if e.Deleted {
			number[0] |= 0x80 // no key is so long
		}
		h.Write(number[:4])
		h.Write([]byte(key))
		value := sha256.Sum256(e.Value)
		h.Write(value[:])
	}
	return h.Sum(nil)[:rootSize]
}

// weight is the bytes that an entry takes of its owner's room.
func (e *signedEntry) weight() int { return len(e.Key) + len(e.Value) + recordCost }
