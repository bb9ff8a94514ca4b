package catalogue

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/ed25519"
	"encoding/binary"
	"fmt"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// maxPlain is the most bytes that a blob seals.
const maxPlain = shard.MaxNote - 12 - shard.SealOverhead

// Writer is the number of a device's slots.
func Writer(device peer.ID) uint32 {
	sum := blake3.Sum256([]byte(device))
	return binary.BigEndian.Uint32(sum[:])
}

// name is what notes under one locator are signed and sealed with.
type name struct {
	locator shard.Locator
	mesh    string
	admin   ed25519.PrivateKey
	grant   wire.Signed
	key     shard.FileKey
}

// nameOf derives what belongs to a file id, a file's or a page's.
func (c *Catalogue) nameOf(id shard.FileID) (name, error) {
	_, grant, err := shard.NewGrant(c.cfg.Seed, id, c.cfg.Mesh)
	if err != nil {
		return name{}, fmt.Errorf("catalogue: %w", err)
	}
	return name{locator: id.Locator(), mesh: c.cfg.Mesh, admin: c.cfg.Seed.AdminKey(id), grant: grant, key: c.cfg.Seed.FileKey(id).NoteKey()}, nil
}

// seal makes a writer's note of plain, which must not exceed maxPlain.
func (n name) seal(writer uint32, seq uint64, plain []byte) (shard.SignedNote, shard.Note, error) {
	nonce := shard.NewNonce()
	blob := newGCM(n.key).Seal(nonce[:], nonce[:], plain, n.bound(writer, seq))
	terms := shard.Note{
		Grant: shard.GrantDigest(n.grant), Writer: writer, Seq: seq,
		Length: uint32(len(blob)), Sum: blake3.Sum256(blob), Lease: uint32(shard.LeaseMax / time.Second),
	}
	if len(plain) > maxPlain {
		return shard.SignedNote{}, terms, fmt.Errorf("catalogue: note of %d bytes, at most %d fit", len(plain), maxPlain)
	}
	signed, err := terms.Sign(n.admin, n.mesh)
	return shard.SignedNote{Grant: n.grant, Note: signed, Blob: blob}, terms, err
}

// slot is a note that verified.
type slot struct {
	writer uint32
	seq    uint64
	plain  []byte
}

// open returns the slot in s when the owner made it for this very locator,
// writer and seq.
func (n name) open(s shard.SignedNote) (slot, error) {
	g, err := shard.OpenGrant(s.Grant, n.mesh)
	if err != nil {
		return slot{}, err
	}
	if g.Locator != n.locator || !g.Admin.Equal(n.admin.Public()) {
		return slot{}, fmt.Errorf("note: of another owner: %w", wire.ErrBadSignature)
	}
	terms, err := shard.OpenNote(s.Note, g, shard.GrantDigest(s.Grant))
	if err != nil {
		return slot{}, err
	}
	if err := terms.Check(s.Blob); err != nil {
		return slot{}, err
	}
	plain, err := n.unseal(terms.Writer, terms.Seq, s.Blob)
	return slot{writer: terms.Writer, seq: terms.Seq, plain: plain}, err
}

func (n name) unseal(writer uint32, seq uint64, blob []byte) ([]byte, error) {
	if len(blob) < len(shard.Nonce{}) {
		return nil, fmt.Errorf("note of %d bytes: %w", len(blob), wire.ErrDamaged)
	}
	nonce, sealed := blob[:len(shard.Nonce{})], blob[len(shard.Nonce{}):]
	plain, err := newGCM(n.key).Open(nil, nonce, sealed, n.bound(writer, seq))
	if err != nil {
		return nil, fmt.Errorf("note does not open with its key: %w", wire.ErrDamaged)
	}
	return plain, nil
}

// bound is the additional data.
func (n name) bound(writer uint32, seq uint64) []byte {
	data := binary.BigEndian.AppendUint32(n.locator[:], writer)
	return binary.BigEndian.AppendUint64(data, seq)
}

func newGCM(key shard.FileKey) cipher.AEAD {
	block, err := aes.NewCipher(key[:])
	if err == nil {
		var aead cipher.AEAD
		if aead, err = cipher.NewGCM(block); err == nil {
			return aead
		}
	}
	panic("catalogue: internal error: " + err.Error())
}

// checkVersion returns [ErrNewer], wrapped, when the record in data is of a
// later version than this program's. Whatever else is wrong with it is for
// its reader to say.
func checkVersion(data []byte, version int) error {
	var v struct {
		Version int `cbor:"1,keyasint"`
	}
	if err := wire.Unmarshal(data, &v); err == nil && v.Version > version {
		return fmt.Errorf("%w: version %d, this program reads up to %d", ErrNewer, v.Version, version)
	}
	return nil
}
