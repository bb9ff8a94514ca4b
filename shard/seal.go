package shard

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"encoding/binary"
	"fmt"

	"github.com/batchain/batchain/wire"
)

// SealOverhead is what sealing adds to a segment: the tag, in bytes.
const SealOverhead = 16

// Nonce is made at random for one sealing and kept in the manifest. One nonce
// never seals two different plaintexts.
type Nonce [12]byte

// NewNonce returns a random nonce.
func NewNonce() Nonce {
	var n Nonce
	rand.Read(n[:])
	return n
}

// MarshalBinary returns the 12 bytes.
func (n Nonce) MarshalBinary() ([]byte, error) { return n[:], nil }

// UnmarshalBinary takes exactly 12 bytes.
func (n *Nonce) UnmarshalBinary(data []byte) error { return fill("nonce", n[:], data) }

// Sealer seals and opens the segments of one file with AES-256-GCM. It is safe
// for concurrent use.
type Sealer struct {
	aead cipher.AEAD
	file FileID
}

// NewSealer returns the sealer of a file.
func NewSealer(key FileKey, file FileID) *Sealer {
	return &Sealer{aead: newGCM(key), file: file}
}

// Seal seals a segment in place: segment holds the plaintext and has capacity
// for [SealOverhead] more bytes. It returns the sealed bytes.
func (s *Sealer) Seal(segment []byte, number uint32, last bool, nonce Nonce) []byte {
	return s.aead.Seal(segment[:0], nonce[:], segment, s.bound(number, last))
}

// Open opens a sealed segment in place and returns the plaintext. It returns
// [wire.ErrDamaged], wrapped, when the bytes, the place in the file or the key
// are others than those that were sealed.
func (s *Sealer) Open(sealed []byte, number uint32, last bool, nonce Nonce) ([]byte, error) {
	plain, err := s.aead.Open(sealed[:0], nonce[:], sealed, s.bound(number, last))
	if err != nil {
		return nil, fmt.Errorf("open segment %d: %w", number, wire.ErrDamaged)
	}
	return plain, nil
}

// bound is the additional data: file id ‖ segment number (4 bytes, big endian)
// ‖ last flag ‖ format version. Segments can neither change places nor be cut
// off the end.
func (s *Sealer) bound(number uint32, last bool) []byte {
	data := make([]byte, 0, len(s.file)+6)
	data = append(data, s.file[:]...)
	data = binary.BigEndian.AppendUint32(data, number)
	flag := byte(0)
	if last {
		flag = 1
	}
	return append(data, flag, ManifestVersion)
}

func newGCM(key FileKey) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic("shard: internal error: " + err.Error())
}
