package shard

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// Private is what only a reader of the file may know.
type Private struct {
	File    FileID
	Name    string // as the owner gave it, any bytes; see [SafeName]
	Size    int64  // bytes of plaintext
	Mode    uint32 // Unix permission bits; a reader gets those in 0777
	ModTime int64  // Unix nanoseconds
	Content Digest // see [ContentHash]
	Expires int64  // Unix seconds at which the owner lets it go; 0: never
	Folder  bool   // the content is a folder: see package shard/folder
}

// privateBody is how a [Private] is written. The name is a byte string: not
// every name of a file is valid UTF-8.
type privateBody struct {
	File    FileID `cbor:"1,keyasint"`
	Name    []byte `cbor:"2,keyasint"`
	Size    int64  `cbor:"3,keyasint"`
	Mode    uint32 `cbor:"4,keyasint"`
	ModTime int64  `cbor:"5,keyasint"`
	Content Digest `cbor:"6,keyasint"`
	Expires int64  `cbor:"7,keyasint,omitempty"`
	Folder  bool   `cbor:"8,keyasint,omitempty"`
}

const modeBits = 0o777

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
	plain, err := wire.Marshal(privateBody{File: p.File, Name: []byte(p.Name), Size: p.Size, Mode: p.Mode, ModTime: p.ModTime, Content: p.Content, Expires: p.Expires, Folder: p.Folder})
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
	var b privateBody
	if err := wire.Unmarshal(plain, &b); err != nil {
		return Private{}, fmt.Errorf("%w: private part: %w", ErrManifest, err)
	}
	if b.File.Locator() != locator || b.Size < 0 || len(b.Name) > maxName {
		return Private{}, fmt.Errorf("%w: its private part belongs to another file", ErrManifest)
	}
	return Private{File: b.File, Name: string(b.Name), Size: b.Size, Mode: b.Mode & modeBits, ModTime: b.ModTime, Content: b.Content, Expires: b.Expires, Folder: b.Folder}, nil
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

// maxSafeName is the longest name that common file systems take, in bytes.
const maxSafeName = 255

// SafeName returns what a file may be called on this machine when a manifest
// calls it name: the last element of the path, at most 255 bytes, without
// control characters and marks that turn text around, and never empty, "." or
// a name that the system keeps for itself. A manifest may come from anybody.
func SafeName(name string) string {
	name = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	name = strings.TrimRight(name, `/\ `)
	name = name[strings.LastIndexAny(name, `/\:`)+1:]
	for len(name) > maxSafeName {
		_, last := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-last]
	}
	name = strings.TrimRight(name, " ")
	if strings.Trim(name, ". ") == "" || !filepath.IsLocal(name) {
		return "unnamed"
	}
	return name
}
