package shard

import (
	"crypto/ed25519"
	"fmt"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// Grant says who may act on a file at a host. The admin key signs it, and it
// travels with every order, so a host needs to remember nothing to check one.
type Grant struct {
	Admin   ed25519.PublicKey `cbor:"1,keyasint"` // may delete
	Repair  ed25519.PublicKey `cbor:"2,keyasint"` // may offer, renew, list, audit
	Locator Locator           `cbor:"3,keyasint"`
	Mesh    string            `cbor:"4,keyasint"`
}

// maxGrant is the bytes of a grant's body: hosts keep it beside every shard.
const maxGrant = 1 << 10

// NewGrant returns the grant of a file, signed by its admin key.
func NewGrant(seed Seed, id FileID, mesh string) (Grant, wire.Signed, error) {
	admin, repair := seed.AdminKey(id), seed.FileKey(id).RepairKey()
	g := Grant{
		Admin:   admin.Public().(ed25519.PublicKey),
		Repair:  repair.Public().(ed25519.PublicKey),
		Locator: id.Locator(),
		Mesh:    mesh,
	}
	signed, err := wire.Sign(admin, wire.Domain{Kind: "grant", Mesh: mesh}, g)
	return g, signed, err
}

// OpenGrant returns the grant in s when it holds together: keys of the right
// size, this mesh, signed by the very admin key it names. Otherwise the error
// wraps [wire.ErrBadSignature] or [wire.ErrBadRequest].
func OpenGrant(s wire.Signed, mesh string) (Grant, error) {
	if len(s.Body) > maxGrant {
		return Grant{}, fmt.Errorf("grant: %w", wire.ErrTooBig.With("a grant of %d bytes; at most %d are taken", len(s.Body), maxGrant))
	}
	var g Grant
	if err := wire.Unmarshal(s.Body, &g); err != nil {
		return Grant{}, fmt.Errorf("grant: %w", err)
	}
	if len(g.Admin) != ed25519.PublicKeySize || len(g.Repair) != ed25519.PublicKeySize {
		return Grant{}, fmt.Errorf("grant: keys of %d and %d bytes: %w", len(g.Admin), len(g.Repair), wire.ErrBadRequest)
	}
	if g.Mesh != mesh {
		return Grant{}, fmt.Errorf("grant: made for mesh %.32q, this is %q: %w", g.Mesh, mesh, wire.ErrBadSignature)
	}
	if err := s.Verify(g.Admin, wire.Domain{Kind: "grant", Mesh: mesh}); err != nil {
		return Grant{}, err
	}
	return g, nil
}

// GrantDigest names a grant inside offers, orders and receipts: the hash of
// its signed bytes.
func GrantDigest(s wire.Signed) Digest { return blake3.Sum256(s.Body) }
