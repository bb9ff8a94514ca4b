package shard

import (
	"encoding/base32"
	"fmt"
	"log/slog"
	"strings"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/zeebo/blake3"
)

// ID names a shard: the BLAKE3-256 hash of its bytes. In text it is a CIDv1 of
// raw bytes hashed with blake3.
type ID [32]byte

// Sum returns the id of a shard with these bytes.
func Sum(data []byte) ID { return blake3.Sum256(data) }

const idTextLength = 59 // "b" and 58 characters for 36 bytes

// ParseID reads what [ID.String] writes, and no other spelling of a CID.
func ParseID(text string) (ID, error) {
	if len(text) != idTextLength {
		return ID{}, fmt.Errorf("shard id %.64q: %d characters are expected", text, idTextLength)
	}
	c, err := cid.Decode(text)
	if err != nil {
		return ID{}, fmt.Errorf("shard id %.64q: %w", text, err)
	}
	prefix := c.Prefix()
	if prefix.Version != 1 || prefix.Codec != cid.Raw || prefix.MhType != multihash.BLAKE3 || prefix.MhLength != len(ID{}) {
		return ID{}, fmt.Errorf("shard id %.64q: not a raw blake3-256 CIDv1", text)
	}
	hash := c.Hash()
	id := ID(hash[len(hash)-len(ID{}):])
	if id.String() != text {
		return ID{}, fmt.Errorf("shard id %.64q: not in its one spelling, %s", text, id)
	}
	return id, nil
}

// Cid returns the id as a CIDv1.
func (id ID) Cid() cid.Cid {
	hash, err := multihash.Encode(id[:], multihash.BLAKE3)
	if err != nil {
		panic("shard: internal error: " + err.Error())
	}
	return cid.NewCidV1(cid.Raw, hash)
}

// String returns the text form: a CIDv1 in lower-case base32.
func (id ID) String() string { return id.Cid().String() }

// LogValue shortens the id for logs.
func (id ID) LogValue() slog.Value { return slog.StringValue(id.String()[:16] + "…") }

// MarshalBinary returns the 32 bytes.
func (id ID) MarshalBinary() ([]byte, error) { return id[:], nil }

// UnmarshalBinary takes exactly 32 bytes.
func (id *ID) UnmarshalBinary(data []byte) error { return fill("shard id", id[:], data) }

// FileID names a file for its owner: 128 random bits. Hosts never see it; they
// know the [Locator].
type FileID [16]byte

var text32 = base32.StdEncoding.WithPadding(base32.NoPadding)

// ParseFileID reads the 26 characters that [FileID.String] writes.
func ParseFileID(text string) (FileID, error) {
	var id FileID
	data, err := text32.DecodeString(strings.ToUpper(text))
	if err != nil || len(data) != len(id) || FileID(data).String() != text {
		return id, fmt.Errorf("file id %.64q: 26 characters of a-z and 2-7 are expected", text)
	}
	return FileID(data), nil
}

// String returns 26 lower-case base32 characters (RFC 4648, no padding).
func (id FileID) String() string { return strings.ToLower(text32.EncodeToString(id[:])) }

// MarshalBinary returns the 16 bytes.
func (id FileID) MarshalBinary() ([]byte, error) { return id[:], nil }

// UnmarshalBinary takes exactly 16 bytes.
func (id *FileID) UnmarshalBinary(data []byte) error { return fill("file id", id[:], data) }

// Locator is a file's blinded name: what hosts know it by and announce.
type Locator [32]byte

// Locator returns BLAKE3-256("batchain/locate" ‖ file id).
func (id FileID) Locator() Locator {
	return blake3.Sum256(append([]byte("batchain/locate"), id[:]...))
}

// String returns 52 lower-case base32 characters.
func (l Locator) String() string { return strings.ToLower(text32.EncodeToString(l[:])) }

// LogValue shortens the locator for logs.
func (l Locator) LogValue() slog.Value { return slog.StringValue(l.String()[:12] + "…") }

// MarshalBinary returns the 32 bytes.
func (l Locator) MarshalBinary() ([]byte, error) { return l[:], nil }

// UnmarshalBinary takes exactly 32 bytes.
func (l *Locator) UnmarshalBinary(data []byte) error { return fill("locator", l[:], data) }

// Digest is the BLAKE3-256 hash of a record's bytes.
type Digest [32]byte

// MarshalBinary returns the 32 bytes.
func (d Digest) MarshalBinary() ([]byte, error) { return d[:], nil }

// UnmarshalBinary takes exactly 32 bytes.
func (d *Digest) UnmarshalBinary(data []byte) error { return fill("digest", d[:], data) }

func fill(what string, into, data []byte) error {
	if len(data) != len(into) {
		return fmt.Errorf("%s of %d bytes, %d are expected", what, len(data), len(into))
	}
	copy(into, data)
	return nil
}
