package replica

import (
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// version is that of stream and file. A side that meets a later one says so.
const version = 1

// The kinds of frames, on streams and in files. Append only.
const (
	kindHeader = 1 // stream: header
	kindUpdate = 2 // a signed update
	kindCommit = 3 // commit: what came is to be taken in
	kindWant   = 4 // stream: want
	kindDone   = 5 // stream: nothing more is wanted
	kindStart  = 6 // file: start
)

// What a frame may hold, in bytes, and a clock in sources.
const (
	maxClock  = 4096
	maxHeader = 512 << 10
	maxList   = 256 << 10
	// MaxMeta bounds [StreamOptions].Meta, in bytes.
	MaxMeta = 16 << 10
)

// header is the first frame of either side.
type header struct {
	Version   int       `cbor:"1,keyasint"`
	Doc       string    `cbor:"2,keyasint"`
	Mesh      string    `cbor:"3,keyasint"`
	ID        peer.ID   `cbor:"4,keyasint"`
	Direction Direction `cbor:"5,keyasint"`
	Tail      bool      `cbor:"6,keyasint,omitempty"`
	Clock     []tick    `cbor:"7,keyasint,omitempty"`
	Meta      []byte    `cbor:"8,keyasint,omitempty"`
}

// tick is what one side knows of one source.
type tick struct {
	Peer  peer.ID `cbor:"1,keyasint"`
	Epoch uint64  `cbor:"2,keyasint"`
	Seq   uint64  `cbor:"3,keyasint"`
	Check []byte  `cbor:"4,keyasint,omitempty"` // first bytes of the newest update's sum
}

// checkSize is enough to tell two updates of one number apart.
const checkSize = 8

func (t tick) source() Source { return Source{t.Peer, t.Epoch} }

// named is a source in a list.
type named struct {
	Peer  peer.ID `cbor:"1,keyasint"`
	Epoch uint64  `cbor:"2,keyasint"`
}

// sourceList is the body of a commit, whose sources came in full, and of a want,
// whose sources are to be sent in full.
type sourceList struct {
	Sources []named `cbor:"1,keyasint,omitempty"`
}

func listOf(sources []Source) sourceList {
	var l sourceList
	for _, s := range sources {
		l.Sources = append(l.Sources, named(s))
	}
	return l
}

func parseHeader(data []byte) (header, error) {
	var h header
	if err := wire.Unmarshal(data, &h); err != nil {
		return header{}, fmt.Errorf("header: %w", err)
	}
	if len(h.Clock) > maxClock || len(h.Meta) > MaxMeta || h.ID.Validate() != nil || h.Direction < Both || h.Direction > RecvOnly {
		return header{}, fmt.Errorf("header: %w: a field is missing or out of range", wire.ErrBadRequest)
	}
	for _, t := range h.Clock {
		if t.Peer.Validate() != nil || t.Epoch == 0 || t.Seq > maxSeq {
			return header{}, fmt.Errorf("header: %w: a source is malformed", wire.ErrBadRequest)
		}
	}
	return h, nil
}

func parseSources(data []byte) ([]Source, error) {
	var l sourceList
	if err := wire.Unmarshal(data, &l); err != nil {
		return nil, fmt.Errorf("sources: %w", err)
	}
	if len(l.Sources) > maxClock {
		return nil, fmt.Errorf("sources: %w: %d of them", wire.ErrBadRequest, len(l.Sources))
	}
	sources := make([]Source, len(l.Sources))
	for i, n := range l.Sources {
		if n.Peer.Validate() != nil || n.Epoch == 0 {
			return nil, fmt.Errorf("sources: %w: one is malformed", wire.ErrBadRequest)
		}
		sources[i] = Source(n)
	}
	return sources, nil
}
