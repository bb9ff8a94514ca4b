package shard

import (
	"crypto/ed25519"
	"fmt"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// The lengths that a peer may name. Whoever reads a larger one refuses it
// before it allocates.
const (
	// MaxSegmentLength is the most sealed bytes in a segment.
	MaxSegmentLength = 16 << 20
	// MaxShardLength is the most bytes in a shard: a whole segment (Data = 1).
	MaxShardLength = MaxSegmentLength
	// MaxShards is the most shards in a segment: reedsolomon's GF(2⁸) limit.
	MaxShards = 255
	// MaxSegments is the most segments in a file: 16 TiB.
	MaxSegments = 1 << 20
)

// How long hosts promise to keep a shard.
const (
	LeaseDefault = 60 * 24 * time.Hour
	LeaseMax     = 400 * 24 * time.Hour
)

// ClockSlack is how far apart the clocks of two machines may be before an
// order counts as expired.
const ClockSlack = 2 * time.Hour

// OrderMax is the longest time that an order may be good for: whoever records
// one can replay it until then.
const OrderMax = 24 * time.Hour

// Offer is what a host is asked to keep. The repair key signs it; it names no
// host, so that a leaving host can pass its shards on.
type Offer struct {
	Grant   Digest `cbor:"1,keyasint"`
	Shard   ID     `cbor:"2,keyasint"`
	Segment uint32 `cbor:"3,keyasint"`
	Index   uint8  `cbor:"4,keyasint"`
	Length  uint32 `cbor:"5,keyasint"` // bytes
	Lease   uint32 `cbor:"6,keyasint"` // seconds from the host's commit
}

// Sign signs the offer with the file's repair key.
func (o Offer) Sign(repair ed25519.PrivateKey, mesh string) (wire.Signed, error) {
	return wire.Sign(repair, wire.Domain{Kind: "offer", Mesh: mesh}, o)
}

// OpenOffer returns the offer in s when g's repair key signed it under this
// very grant and its numbers are in bounds.
func OpenOffer(s wire.Signed, g Grant, grant Digest) (Offer, error) {
	var o Offer
	if err := s.Open(g.Repair, wire.Domain{Kind: "offer", Mesh: g.Mesh}, &o); err != nil {
		return Offer{}, err
	}
	if o.Grant != grant {
		return Offer{}, fmt.Errorf("offer: made under another grant: %w", wire.ErrBadSignature)
	}
	if o.Length == 0 || o.Length > MaxShardLength {
		return Offer{}, fmt.Errorf("offer: %w", wire.ErrTooBig.With("a shard of %d bytes; 1 to %d are taken", o.Length, MaxShardLength))
	}
	if o.Segment >= MaxSegments || o.Index >= MaxShards || time.Duration(o.Lease)*time.Second > LeaseMax {
		return Offer{}, fmt.Errorf("offer: segment %d, index %d, lease of %d s: %w", o.Segment, o.Index, o.Lease, wire.ErrBadRequest)
	}
	return o, nil
}

// Receipt is a host's promise. The host signs it with its identity key once
// the shard is on its disk, whatever happens to the power after that.
type Receipt struct {
	Grant    Digest  `cbor:"1,keyasint"`
	Shard    ID      `cbor:"2,keyasint"`
	Segment  uint32  `cbor:"3,keyasint"`
	Index    uint8   `cbor:"4,keyasint"`
	Length   uint32  `cbor:"5,keyasint"`
	LeaseEnd int64   `cbor:"6,keyasint"` // Unix seconds, by the host's clock
	Host     peer.ID `cbor:"7,keyasint"`
	Time     int64   `cbor:"8,keyasint"` // Unix seconds, by the host's clock
}

// Sign signs the receipt with the host's identity key.
func (r Receipt) Sign(host ed25519.PrivateKey, mesh string) (wire.Signed, error) {
	return wire.Sign(host, wire.Domain{Kind: "receipt", Mesh: mesh}, r)
}

// OpenReceipt returns the receipt in s when host signed it, and it promises
// exactly what o asked for, for at least the time asked (less [ClockSlack]).
// A host that answers with another shard's receipt gets
// [wire.ErrBadSignature]. Both times are by the host's clock: see
// [Receipt.Timely].
func OpenReceipt(s wire.Signed, host peer.ID, mesh string, o Offer) (Receipt, error) {
	key, err := PeerKey(host)
	if err != nil {
		return Receipt{}, err
	}
	var r Receipt
	if err := s.Open(key, wire.Domain{Kind: "receipt", Mesh: mesh}, &r); err != nil {
		return Receipt{}, err
	}
	got := Offer{Grant: r.Grant, Shard: r.Shard, Segment: r.Segment, Index: r.Index, Length: r.Length, Lease: o.Lease}
	if got != o || r.Host != host {
		return Receipt{}, fmt.Errorf("receipt: for another shard or host: %w", wire.ErrBadSignature)
	}
	if r.Time < 0 || r.LeaseEnd < r.Time || r.LeaseEnd-r.Time < int64(o.Lease)-int64(ClockSlack/time.Second) {
		return Receipt{}, fmt.Errorf("receipt: lease of %d s, %d s were asked: %w", r.LeaseEnd-r.Time, o.Lease, wire.ErrBadRequest)
	}
	return r, nil
}

// OpenRenewal returns the receipt in s when host signed it for a shard under
// this grant, and it promises to keep it for at least lease seconds (less
// [ClockSlack]). Which shard that is, the receipt says.
func OpenRenewal(s wire.Signed, host peer.ID, mesh string, grant Digest, lease uint32) (Receipt, error) {
	var r Receipt
	if err := wire.Unmarshal(s.Body, &r); err != nil {
		return Receipt{}, fmt.Errorf("receipt: %w", err)
	}
	return OpenReceipt(s, host, mesh, Offer{Grant: grant, Shard: r.Shard, Segment: r.Segment, Index: r.Index, Length: r.Length, Lease: lease})
}

// Timely returns [wire.ErrExpired], wrapped, when the host's clock is further
// than [ClockSlack] from now: its lease would end at another time than the
// owner thinks, or has ended already.
func (r Receipt) Timely(now time.Time) error {
	if apart := now.Sub(time.Unix(r.Time, 0)); apart.Abs() > ClockSlack {
		return fmt.Errorf("receipt: the host's clock is %s from ours: %w", apart.Round(time.Second), wire.ErrExpired)
	}
	return nil
}

// Order is a LIST, AUDIT, RENEW, TURN or DELETE: bound to one host and a time,
// so that it cannot be replayed elsewhere or later.
type Order struct {
	Grant    Digest  `cbor:"1,keyasint"`
	Host     peer.ID `cbor:"2,keyasint"`
	NotAfter int64   `cbor:"3,keyasint"`           // Unix seconds
	Cursor   []byte  `cbor:"4,keyasint,omitempty"` // LIST, RENEW: the page
	Picks    []Pick  `cbor:"5,keyasint,omitempty"` // AUDIT
	Lease    uint32  `cbor:"6,keyasint,omitempty"` // RENEW: seconds from now
	Spots    []Spot  `cbor:"7,keyasint,omitempty"` // RENEW: only these; none: all, in pages, and the notes
	Keeps    bool    `cbor:"8,keyasint,omitempty"` // TURN: the asker is a keeper of the file itself
}

// MaxPicks is the most leaves that one AUDIT may ask for, and the most spots
// that one RENEW may name.
const MaxPicks = 64

// LeafSize is the bytes under one leaf of a shard's tree, the last one may have
// fewer: what an audit asks for.
const LeafSize = 16 << 10

// Pick is one leaf that a host has to prove it holds.
type Pick struct {
	_     struct{} `cbor:",toarray"`
	Shard ID
	Leaf  uint32
}

// Spot is one place of a shard in a file.
type Spot struct {
	_       struct{} `cbor:",toarray"`
	Shard   ID
	Segment uint32
	Index   uint8
}

// The kinds of an [Order], and so the domains of its signature.
const (
	OrderList   = "list"   // signed by the repair key
	OrderAudit  = "audit"  // … as well
	OrderRenew  = "renew"  // … as well
	OrderTurn   = "turn"   // … as well
	OrderDelete = "delete" // signed by the admin key
)

// Sign signs the order as one of kind.
func (o Order) Sign(key ed25519.PrivateKey, kind, mesh string) (wire.Signed, error) {
	return wire.Sign(key, wire.Domain{Kind: kind, Mesh: mesh}, o)
}

// OpenOrder returns the order in s when key signed it as one of kind, under
// this grant, for this host, and now is not past its time (plus [ClockSlack]).
// A late one gives [wire.ErrExpired], one that is good for longer than
// [OrderMax] (plus [ClockSlack]) gives [wire.ErrBadRequest].
func OpenOrder(s wire.Signed, key ed25519.PublicKey, kind, mesh string, grant Digest, host peer.ID, now time.Time) (Order, error) {
	var o Order
	if err := s.Open(key, wire.Domain{Kind: kind, Mesh: mesh}, &o); err != nil {
		return Order{}, err
	}
	if o.Grant != grant || o.Host != host {
		return Order{}, fmt.Errorf("%s: made for another file or host: %w", kind, wire.ErrBadSignature)
	}
	if now.Unix()-int64(ClockSlack/time.Second) > o.NotAfter {
		return Order{}, fmt.Errorf("%s: %w", kind, wire.ErrExpired)
	}
	if now.Add(OrderMax+ClockSlack).Unix() < o.NotAfter {
		return Order{}, fmt.Errorf("%s: good for longer than %s: %w", kind, OrderMax, wire.ErrBadRequest)
	}
	if len(o.Picks) > MaxPicks || len(o.Spots) > MaxPicks || time.Duration(o.Lease)*time.Second > LeaseMax {
		return Order{}, fmt.Errorf("%s: %d picks, %d spots, lease of %d s: %w", kind, len(o.Picks), len(o.Spots), o.Lease, wire.ErrBadRequest)
	}
	return o, nil
}

// PeerKey returns the Ed25519 key that a peer id contains.
func PeerKey(id peer.ID) (ed25519.PublicKey, error) {
	key, err := id.ExtractPublicKey()
	if err != nil {
		return nil, fmt.Errorf("key of peer %s: %w", id, err)
	}
	raw, err := key.Raw()
	if err != nil || len(raw) != ed25519.PublicKeySize {
		return nil, fmt.Errorf("key of peer %s: not Ed25519: %w", id, wire.ErrBadRequest)
	}
	return raw, nil
}

// Lot is one offer that verified, as a store sees it.
type Lot struct {
	Peer        peer.ID      // who is at the other end of the connection
	From        netip.Prefix // the network it speaks from; zero on loopback
	Grant       Grant
	SignedGrant wire.Signed
	Offer       Offer
	SignedOffer wire.Signed
	Draft       bool // the put is not finished: gone after a day unless a RENEW confirms it
}

// Held is one shard that a host keeps for a file.
type Held struct {
	Shard    ID     `cbor:"1,keyasint"`
	Segment  uint32 `cbor:"2,keyasint"`
	Index    uint8  `cbor:"3,keyasint"`
	Length   uint32 `cbor:"4,keyasint"`
	LeaseEnd int64  `cbor:"5,keyasint"` // Unix seconds
}
