package keeper

import (
	"crypto/ed25519"
	"encoding/hex"
	"fmt"
	"math"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

const recordVersion = 1

// maxRecord is the most bytes in a charge file: 48 members, a grant, numbers.
const maxRecord = 16 << 10

// record is a charge as its file has it. Times are Unix seconds, 0 for never.
type record struct {
	Version  int         `cbor:"1,keyasint"`
	Grant    wire.Signed `cbor:"2,keyasint"`
	Repair   []byte      `cbor:"3,keyasint"`  // seed of the repair key
	From     peer.ID     `cbor:"4,keyasint"`  // who brought it
	Given    int64       `cbor:"5,keyasint"`  // when
	Until    int64       `cbor:"6,keyasint"`  // when the file may go; 0: never
	Manifest int64       `cbor:"7,keyasint"`  // bytes, 0: a locator of notes only
	Wanted   int         `cbor:"8,keyasint"`  // keepers, this one among them
	Members  members     `cbor:"9,keyasint"`  // the other keepers
	Checked  int64       `cbor:"10,keyasint"` // last whole check by any keeper
	Own      int64       `cbor:"11,keyasint"` // … by this one
	Margin   int         `cbor:"12,keyasint"` // at Checked
	Full     int         `cbor:"13,keyasint"` // the margin at full placement
	Renewed  int64       `cbor:"14,keyasint"`
	Noted    int64       `cbor:"15,keyasint"`           // when the notes were seen to
	Barren   int64       `cbor:"16,keyasint,omitempty"` // since when nothing of the file is found
	Ended    int64       `cbor:"17,keyasint,omitempty"` // since when its time is over
	Looked   int64       `cbor:"18,keyasint,omitempty"` // last round that came to it
	Short    int64       `cbor:"19,keyasint,omitempty"` // since when there are fewer keepers than wanted
	Network  string      `cbor:"20,keyasint,omitempty"` // from which it was brought
}

// charge is one file that is kept.
type charge struct {
	record
	grant   shard.Grant
	digest  shard.Digest
	key     ed25519.PrivateKey
	working bool
	gone    bool // dropped while a round had it
}

// parseRecord reads a charge file. What it returns was verified.
func parseRecord(data []byte, mesh string) (*charge, error) {
	var r record
	if err := wire.Unmarshal(data, &r); err != nil {
		return nil, fmt.Errorf("charge: %w", err)
	}
	if r.Version != recordVersion {
		return nil, fmt.Errorf("charge: version %d, this program reads %d", r.Version, recordVersion)
	}
	if len(r.Members) > maxMembers || r.Wanted < 1 || r.Wanted > shard.MaxKeepers {
		return nil, fmt.Errorf("charge: %d members, %d wanted: %w", len(r.Members), r.Wanted, wire.ErrBadRequest)
	}
	return openCharge(r, mesh)
}

func openCharge(r record, mesh string) (*charge, error) {
	g, key, err := shard.Charge{Grant: r.Grant, Repair: r.Repair, Manifest: r.Manifest}.Open(mesh)
	if err != nil {
		return nil, err
	}
	return &charge{record: r, grant: g, digest: shard.GrantDigest(r.Grant), key: key}, nil
}

// Names of files in a keeper's folder.
const (
	chargeSuffix   = ".charge"
	manifestSuffix = ".batchain"
	arrivingSuffix = ".arriving" // of a manifest that is not checked yet
	exportSuffix   = ".export"   // of one that is being given to others
	tombsName      = "tombstones"
)

// name is what the charge's files are called, less the suffix. A locator alone
// would let a stranger who knows it take the place.
func (c *charge) name() string { return nameOf(c.grant) }

func nameOf(g shard.Grant) string {
	return g.Locator.String() + "-" + hex.EncodeToString(g.Admin[:8])
}

// endless is the age of what never was.
const endless = time.Duration(math.MaxInt64)

// age is how long ago at was. What never was, and what lies further ahead than
// clocks are apart, because some clock went wrong once, is endlessly old.
func age(now time.Time, at int64) time.Duration {
	t := time.Unix(at, 0)
	if at == 0 || t.After(now.Add(shard.ClockSlack)) {
		return endless
	}
	return max(0, now.Sub(t))
}

// since marks when something was first seen to be so, and clears the mark when
// it is so no more.
func since(mark *int64, now time.Time, so bool) {
	switch {
	case !so:
		*mark = 0
	case *mark == 0 || *mark > now.Unix():
		*mark = now.Unix()
	}
}
