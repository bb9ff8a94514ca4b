package store

import (
	"crypto/ed25519"
	"encoding/binary"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// The two bytes that every key of a kind begins with; see the package comment.
const (
	keyFormat   = "sv"
	keyCounters = "sn"
	keyFile     = "sf"
	keyLease    = "sl"
	keyPlace    = "sp"
	keyOwner    = "sa"
	keyLocator  = "so"
	keyPeer     = "sq"
	keyNetwork  = "sw"
	keyDue      = "se"
	keyTomb     = "st"
	keyDelete   = "sd"
	keyDoomed   = "sx"
	keyIntent   = "si"
	keyNote     = "sm"
	keyBlob     = "sb"
	keyBad      = "sz"
	keyScrub    = "sc"
)

// rowVersion is the version of the rows written here, and the only one read.
const rowVersion = 1

// admin is the public admin key of a file: what a host knows an owner by.
type admin [ed25519.PublicKeySize]byte

// transferName names one transfer, whoever carries it out.
type transferName [32]byte

type counters struct {
	Used   int64 `cbor:"1,keyasint"` // bytes on the disk, trees included
	Shards int64 `cbor:"2,keyasint"`
	Places int64 `cbor:"3,keyasint,omitempty"` // of all leases; each costs placeCost
	Notes  int64 `cbor:"4,keyasint,omitempty"` // bytes of notes, noteCost for each included
}

// taken is what is used of the capacity.
func (c counters) taken() int64 { return c.Used + placeCost*c.Places + c.Notes }

type fileRow struct {
	Length uint32 `cbor:"1,keyasint"` // bytes, without the tree
	Leases uint32 `cbor:"2,keyasint"`
	Since  int64  `cbor:"3,keyasint"`           // Unix seconds
	Time   int64  `cbor:"4,keyasint,omitempty"` // when the file was last written to, Unix nanoseconds; 0: unknown
}

type leaseRow struct {
	End     int64   `cbor:"1,keyasint"` // Unix seconds
	Peer    []byte  `cbor:"2,keyasint"` // whose quota it counts against
	Places  []place `cbor:"3,keyasint"`
	Network []byte  `cbor:"4,keyasint,omitempty"` // and which network's; see payer
	Draft   int64   `cbor:"5,keyasint,omitempty"` // Unix seconds at which it is dropped unless confirmed; 0: confirmed
	Trash   int64   `cbor:"6,keyasint,omitempty"` // Unix seconds at which it is dropped, in the trash; 0: not in it
}

type place struct {
	Segment uint32 `cbor:"1,keyasint"`
	Index   uint8  `cbor:"2,keyasint"`
}

type placeRow struct {
	Length uint32      `cbor:"1,keyasint"`
	Offer  wire.Signed `cbor:"2,keyasint"`
}

type ownerRow struct {
	Locator shard.Locator `cbor:"1,keyasint"`
	Grant   wire.Signed   `cbor:"2,keyasint"`
	Leases  uint32        `cbor:"3,keyasint"`
	Notes   uint32        `cbor:"4,keyasint,omitempty"`
}

// spentRow is what counts against the quota of one peer or one network.
type spentRow struct {
	Bytes int64 `cbor:"1,keyasint"`
}

type tombRow struct {
	Until int64 `cbor:"1,keyasint"` // Unix seconds
}

type doomedRow struct {
	Length uint32 `cbor:"1,keyasint"`
}

// badRow is a damaged shard whose file is kept aside.
type badRow struct {
	Length uint32 `cbor:"1,keyasint"`
	Since  int64  `cbor:"2,keyasint"` // Unix seconds
}

type intentRow struct {
	Shard  shard.ID `cbor:"1,keyasint"`
	Admin  []byte   `cbor:"2,keyasint"`
	Peer   []byte   `cbor:"3,keyasint"`
	Length uint32   `cbor:"4,keyasint"`
	Since  int64    `cbor:"5,keyasint"` // Unix seconds

	Network []byte `cbor:"6,keyasint,omitempty"` // see payer
}

func encodeRow(v any) ([]byte, error) {
	body, err := wire.Marshal(v)
	if err != nil {
		return nil, err
	}
	return append([]byte{rowVersion}, body...), nil
}

func decodeRow(data []byte, v any) error {
	if len(data) == 0 {
		return fmt.Errorf("empty index row: %w", wire.ErrBadRequest)
	}
	if data[0] != rowVersion {
		return fmt.Errorf("index row of version %d: %w", data[0], wire.ErrUnsupported)
	}
	return wire.Unmarshal(data[1:], v)
}

func key(kind string, parts ...[]byte) []byte {
	out := append(make([]byte, 0, 80), kind...)
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}

func fileKey(id shard.ID) []byte           { return key(keyFile, id[:]) }
func doomedKey(id shard.ID) []byte         { return key(keyDoomed, id[:]) }
func leaseKey(id shard.ID, a admin) []byte { return key(keyLease, id[:], a[:]) }
func ownerKey(a admin) []byte              { return key(keyOwner, a[:]) }
func tombKey(a admin) []byte               { return key(keyTomb, a[:]) }
func deleteKey(a admin) []byte             { return key(keyDelete, a[:]) }
func peerKey(p peer.ID) []byte             { return key(keyPeer, []byte(p)) }
func networkKey(network string) []byte     { return key(keyNetwork, []byte(network)) }
func dueKey(at int64, row []byte) []byte   { return key(keyDue, bigEndian(at), row) }
func intentKey(t transferName) []byte      { return key(keyIntent, t[:]) }
func badKey(id shard.ID) []byte            { return key(keyBad, id[:]) }

// bigEndian writes Unix seconds so that keys sort by them.
func bigEndian(at int64) []byte { return binary.BigEndian.AppendUint64(nil, uint64(max(0, at))) }

func locatorKey(l shard.Locator, a admin) []byte { return key(keyLocator, l[:], a[:]) }

func placeKey(a admin, p place, id shard.ID) []byte {
	return key(keyPlace, a[:], binary.BigEndian.AppendUint32(nil, p.Segment), []byte{p.Index}, id[:])
}

// placeTail is the length of a place's key after its admin.
const placeTail = 4 + 1 + 32

// parsePlace reads the tail of a place's key, which is also the cursor of
// [Store.Held].
func parsePlace(tail []byte) (place, shard.ID, error) {
	if len(tail) != placeTail {
		return place{}, shard.ID{}, fmt.Errorf("place of %d bytes: %w", len(tail), wire.ErrBadRequest)
	}
	return place{Segment: binary.BigEndian.Uint32(tail), Index: tail[4]}, shard.ID(tail[5:]), nil
}

func nameTransfer(o shard.Offer) transferName {
	buf := make([]byte, 0, 32+placeTail)
	buf = append(buf, o.Grant[:]...)
	buf = append(buf, o.Shard[:]...)
	buf = binary.BigEndian.AppendUint32(buf, o.Segment)
	return blake3.Sum256(append(buf, o.Index))
}
