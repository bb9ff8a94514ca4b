package shard

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// Private is what only a reader of the file may know.
type Private struct {
	File    FileID `cbor:"1,keyasint"`
	Name    string `cbor:"2,keyasint"` // as the owner gave it; see [SafeName]
	Size    int64  `cbor:"3,keyasint"` // bytes of plaintext
	Mode    uint32 `cbor:"4,keyasint"` // Unix permission bits
	ModTime int64  `cbor:"5,keyasint"` // Unix nanoseconds
	Content Digest `cbor:"6,keyasint"` // see [ContentHash]
}

type privateRecord struct {
	Nonce  Nonce  `cbor:"1,keyasint"`
	Sealed []byte `cbor:"2,keyasint"`
}

// Modified returns the file's modification time.
func (p Private) Modified() time.Time { return time.Unix(0, p.ModTime) }

func (p Private) seal(key FileKey) (privateRecord, error) {
	if len(p.Name) > maxName {
		return privateRecord{}, fmt.Errorf("name of %d bytes, at most %d fit a manifest", len(p.Name), maxName)
	}
	plain, err := wire.Marshal(p)
	if err != nil {
		return privateRecord{}, fmt.Errorf("private part: %w", err)
	}
	nonce, locator := NewNonce(), p.File.Locator()
	sealed := newGCM(key.privateKey()).Seal(nil, nonce[:], plain, locator[:])
	return privateRecord{Nonce: nonce, Sealed: sealed}, nil
}

func (r privateRecord) open(key FileKey, locator Locator) (Private, error) {
	plain, err := newGCM(key.privateKey()).Open(nil, r.Nonce[:], r.Sealed, locator[:])
	if err != nil {
		return Private{}, fmt.Errorf("%w: its private part does not open with its key", ErrManifest)
	}
	var p Private
	if err := wire.Unmarshal(plain, &p); err != nil {
		return Private{}, fmt.Errorf("%w: private part: %w", ErrManifest, err)
	}
	if p.File.Locator() != locator || p.Size < 0 || len(p.Name) > maxName {
		return Private{}, fmt.Errorf("%w: its private part belongs to another file", ErrManifest)
	}
	return p, nil
}

// ContentHash hashes a file's plaintext from the BLAKE3-256 hashes of its
// segments, in order: so it is known without reading anything twice.
type ContentHash struct{ hasher *blake3.Hasher }

// NewContentHash returns the hash of no segments.
func NewContentHash() *ContentHash { return &ContentHash{blake3.New()} }

// Add takes in the hash of the next segment's plaintext.
func (c *ContentHash) Add(segment Digest) { c.hasher.Write(segment[:]) }

// Sum returns the hash of the segments added so far.
func (c *ContentHash) Sum() Digest { return Digest(c.hasher.Sum(nil)) }

// SumPlain returns the hash of one segment's plaintext.
func SumPlain(plain []byte) Digest { return blake3.Sum256(plain) }

// SafeName returns what a file may be called on this machine when a manifest
// calls it name: the last element of the path, without control characters, and
// never empty, "." or "..". A manifest may come from anybody.
func SafeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.TrimRight(name, `/\ `)
	name = filepath.Base(name[strings.LastIndexAny(name, `/\:`)+1:])
	if name == "." || name == ".." || name == "" || name == string(filepath.Separator) {
		return "unnamed"
	}
	return name
}
