package shard

import (
	"crypto/ed25519"
	"fmt"
	"log/slog"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// MaxKeepers is the most keepers that a charge or an answer names.
const MaxKeepers = 16

// Charge is what a keeper is entrusted with: a file that it audits, renews and
// repairs while the owner is away, and whose notes it carries on. It travels
// only between peers that prove who they are, over an encrypted connection. The
// repair manifest goes with it; a charge without one is a locator that has
// notes only, as a page of the catalogue has.
type Charge struct {
	Grant    wire.Signed `cbor:"1,keyasint"`
	Repair   []byte      `cbor:"2,keyasint"` // seed of the repair key (RFC 8032)
	Keepers  []peer.ID   `cbor:"3,keyasint"` // all that are known, the taker among them
	Manifest int64       `cbor:"4,keyasint"` // bytes of the repair manifest, 0 for none
	Until    int64       `cbor:"5,keyasint"` // Unix seconds at which the file may go; 0: never
}

// MaxRepairManifest is the most bytes of a repair manifest that go with a
// charge: 1 TB at 8+12 takes about 45 MB.
const MaxRepairManifest = 1 << 30

// Open returns the charge's grant and its repair key, which must belong
// together; otherwise the error wraps [wire.ErrBadSignature] or
// [wire.ErrBadRequest].
func (c Charge) Open(mesh string) (Grant, ed25519.PrivateKey, error) {
	g, err := OpenGrant(c.Grant, mesh)
	if err != nil {
		return Grant{}, nil, err
	}
	if len(c.Repair) != ed25519.SeedSize || c.Manifest < 0 || c.Manifest > MaxRepairManifest || len(c.Keepers) > MaxKeepers {
		return Grant{}, nil, fmt.Errorf("charge: key of %d bytes, manifest of %d, %d keepers: %w", len(c.Repair), c.Manifest, len(c.Keepers), wire.ErrBadRequest)
	}
	key := ed25519.NewKeyFromSeed(c.Repair)
	if !g.Repair.Equal(key.Public()) {
		return Grant{}, nil, fmt.Errorf("charge: its key is of another file: %w", wire.ErrBadSignature)
	}
	return g, key, nil
}

// LogValue keeps the repair key out of logs.
func (c Charge) LogValue() slog.Value { return slog.StringValue("(secret)") }

// Over reports whether the file's time has passed.
func (c Charge) Over(now time.Time) bool { return c.Until != 0 && now.Unix() > c.Until }

// Turn is what one keeper tells another, or the owner, about a file.
type Turn struct {
	Working bool      `cbor:"1,keyasint"` // it audits or repairs right now
	Checked int64     `cbor:"2,keyasint"` // Unix seconds of its last whole check, 0 for none
	Margin  int       `cbor:"3,keyasint"` // the worst segment's margin at that check
	Keepers []peer.ID `cbor:"4,keyasint"` // all that it knows, itself among them, at most MaxKeepers
}

// Keepers is the name under which the keepers of a file announce themselves.
func (l Locator) Keepers() Locator {
	return blake3.Sum256(append([]byte("batchain/keepers"), l[:]...))
}
