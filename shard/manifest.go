package shard

import (
	"errors"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/wire"
)

// ManifestVersion is the version of the format, in every manifest and in what
// a sealed segment is bound to.
const ManifestVersion = 1

// ErrManifest means that a manifest is damaged, cut short or forged.
var ErrManifest = errors.New("manifest is damaged")

// ErrNewer means that a newer version of batchain wrote a manifest.
var ErrNewer = errors.New("manifest is of a newer version")

const manifestMagic = "batchain"

// The kinds of frames in a manifest, in the order in which they appear.
const (
	kindCapability = 1
	kindHead       = 2
	kindSegment    = 3
	kindPrivate    = 4
	kindCore       = 5
	kindHosts      = 6
	kindPlacement  = 7
	kindEnd        = 8
)

// What a reader accepts. Every bound is checked before memory is taken.
const (
	maxManifestFrame = 64 << 10 // bytes of payload in any frame
	maxName          = 4 << 10  // bytes
	maxHosts         = 1 << 16  // host numbers are 16 bits wide
	maxAddrs         = 16       // addresses kept of a host
	maxAddrLength    = 256      // bytes
	hostsPerFrame    = 12       // with 16 addresses of 256 bytes each, one frame holds them
	placementSize    = 3        // index, host number
)

type capability struct {
	What uint8  `cbor:"1,keyasint"`
	Key  []byte `cbor:"2,keyasint"`
	Mesh string `cbor:"3,keyasint"`
}

const (
	capabilityRead   = 1
	capabilityRepair = 2
)

type head struct {
	Grant  wire.Signed `cbor:"1,keyasint"`
	Data   int         `cbor:"2,keyasint"`
	Parity int         `cbor:"3,keyasint"`
}

type segmentRecord struct {
	Sealed int    `cbor:"1,keyasint"`
	Nonce  Nonce  `cbor:"2,keyasint"`
	Shards []byte `cbor:"3,keyasint"`
}

type core struct {
	Grant    Digest `cbor:"1,keyasint"`
	Frames   Digest `cbor:"2,keyasint"`
	Segments int    `cbor:"3,keyasint"`
	Sealed   int64  `cbor:"4,keyasint"`
}

type hostRecord struct {
	Peer  peer.ID  `cbor:"1,keyasint"`
	Addrs [][]byte `cbor:"2,keyasint,omitempty"`
}

type hostsRecord struct {
	Hosts []hostRecord `cbor:"1,keyasint"`
}

type placementRecord struct {
	Segment uint32 `cbor:"1,keyasint"`
	Placed  []byte `cbor:"2,keyasint"`
}

// Segment is one segment of a file as the manifest lists it.
type Segment struct {
	Number uint32
	Sealed int         // bytes
	Nonce  Nonce       // that it was sealed with
	Shards []ID        // one per index
	Placed []Placement // who is said to hold what
}

// Placement says that a host, by its number in the manifest's table, holds the
// shard of an index.
type Placement struct {
	Index uint8
	Host  uint16
}

func (s Segment) record() segmentRecord {
	ids := make([]byte, 0, len(s.Shards)*len(ID{}))
	for _, id := range s.Shards {
		ids = append(ids, id[:]...)
	}
	return segmentRecord{Sealed: s.Sealed, Nonce: s.Nonce, Shards: ids}
}

func (r segmentRecord) segment(number uint32, scheme Scheme) (Segment, error) {
	if r.Sealed < SealOverhead || r.Sealed > MaxSegmentLength || len(r.Shards) != scheme.Shards()*len(ID{}) {
		return Segment{}, fmt.Errorf("%w: segment %d of %d bytes with %d bytes of ids", ErrManifest, number, r.Sealed, len(r.Shards))
	}
	s := Segment{Number: number, Sealed: r.Sealed, Nonce: r.Nonce, Shards: make([]ID, scheme.Shards())}
	for i := range s.Shards {
		s.Shards[i] = ID(r.Shards[i*len(ID{}):])
	}
	return s, nil
}

func recordHost(info peer.AddrInfo) hostRecord {
	r := hostRecord{Peer: info.ID}
	for _, addr := range info.Addrs {
		if b := addr.Bytes(); len(b) <= maxAddrLength && len(r.Addrs) < maxAddrs {
			r.Addrs = append(r.Addrs, b)
		}
	}
	return r
}

// info drops addresses that make no sense or are too long: they are hints.
func (r hostRecord) info() peer.AddrInfo {
	info := peer.AddrInfo{ID: r.Peer}
	for _, b := range r.Addrs[:min(len(r.Addrs), maxAddrs)] {
		if len(b) > maxAddrLength {
			continue
		}
		if addr, err := ma.NewMultiaddrBytes(b); err == nil {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	return info
}
