package gossip

import (
	"encoding/binary"
	"fmt"

	"github.com/batchain/batchain/wire"
)

// What a message is. Append only.
const (
	kindSyn    = 1 // begins an exchange
	kindSynAck = 2 // answers a syn
	kindAck    = 3 // answers a synack
	kindPush   = 4 // brings what was asked for, or is new; never answered
	kindProbe  = 5 // are you there?
	kindProbed = 6 // I am; or: it is, see its heartbeat
	kindAsk    = 7 // please probe somebody for me
)

// message is what members send each other. Its parts stand for themselves; the
// kind says which answer is awaited.
type message struct {
	Kind    uint8   `cbor:"1,keyasint"`
	Hash    []byte  `cbor:"2,keyasint,omitempty"` // of the roster that the next two go by
	Heard   []byte  `cbor:"3,keyasint,omitempty"` // of each of the roster, the low 16 bits of its heartbeat
	Want    []byte  `cbor:"4,keyasint,omitempty"` // bitmap over the roster: whose heartbeat is missing
	Digest  []byte  `cbor:"5,keyasint,omitempty"` // see appendSummary
	Partial bool    `cbor:"6,keyasint,omitempty"` // the digest is of some members only
	Deltas  []delta `cbor:"7,keyasint,omitempty"`
	Beats   []byte  `cbor:"8,keyasint,omitempty"`  // see appendBeat
	Target  []byte  `cbor:"9,keyasint,omitempty"`  // who is to be probed
	Nonce   uint64  `cbor:"10,keyasint,omitempty"` // of a probe
}

// delta is what one owner's state has become since version From.
type delta struct {
	Owner   []byte        `cbor:"1,keyasint"` // its key
	From    uint64        `cbor:"2,keyasint,omitempty"`
	Head    *wire.Signed  `cbor:"3,keyasint,omitempty"`
	Entries []wire.Signed `cbor:"4,keyasint,omitempty"` // by version, without a gap that the sender knows of
}

// maxBeats bounds the heartbeats in a message, as maxDigest does a digest.
const maxBeats = 2 * maxDigest

// summary is what a digest says of one member: how much of it the sender has.
type summary struct {
	who         short
	incarnation uint64
	gc, max     uint64
	seq         uint64
	beat        uint64
}

const minSummary = 8 + 5

func appendSummary(buf []byte, s summary) []byte {
	buf = append(buf, s.who[:]...)
	for _, n := range [...]uint64{s.incarnation, s.gc, s.max, s.seq, s.beat} {
		buf = binary.AppendUvarint(buf, n)
	}
	return buf
}

func parseDigest(data []byte) ([]summary, error) {
	all := make([]summary, 0, min(len(data)/minSummary, maxDigest))
	for len(data) > 0 {
		if len(all) == maxDigest {
			return nil, wire.ErrTooBig.With("digest of more than %d members", maxDigest)
		}
		var s summary
		if len(data) < minSummary {
			return nil, wire.ErrBadRequest.With("digest is cut short")
		}
		data = data[copy(s.who[:], data):]
		for _, n := range [...]*uint64{&s.incarnation, &s.gc, &s.max, &s.seq, &s.beat} {
			var err error
			if *n, data, err = uvarint(data); err != nil {
				return nil, fmt.Errorf("digest: %w", err)
			}
		}
		all = append(all, s)
	}
	return all, nil
}

// beat is a heartbeat of somebody.
type beat struct {
	who    short
	number uint64
	link   link
}

const minBeat = 8 + 1 + linkSize

func appendBeat(buf []byte, b beat) []byte {
	buf = append(buf, b.who[:]...)
	buf = binary.AppendUvarint(buf, b.number)
	return append(buf, b.link[:]...)
}

func parseBeats(data []byte) ([]beat, error) {
	all := make([]beat, 0, min(len(data)/minBeat, maxBeats))
	for len(data) > 0 {
		if len(all) == maxBeats {
			return nil, wire.ErrTooBig.With("more than %d heartbeats", maxBeats)
		}
		var b beat
		if len(data) < minBeat {
			return nil, wire.ErrBadRequest.With("heartbeat is cut short")
		}
		data = data[copy(b.who[:], data):]
		var err error
		if b.number, data, err = uvarint(data); err != nil {
			return nil, fmt.Errorf("heartbeat: %w", err)
		}
		if len(data) < linkSize {
			return nil, wire.ErrBadRequest.With("heartbeat is cut short")
		}
		data = data[copy(b.link[:], data):]
		all = append(all, b)
	}
	return all, nil
}

// uvarint reads a number in its shortest form.
func uvarint(data []byte) (uint64, []byte, error) {
	n, size := binary.Uvarint(data)
	if size <= 0 || (size > 1 && data[size-1] == 0) {
		return 0, nil, wire.ErrBadRequest.With("malformed number")
	}
	return n, data[size:], nil
}

// parseMessage reads a message and holds it to its bounds. What it returns
// shares nothing with data.
func parseMessage(data []byte) (*message, error) {
	if len(data) > MaxMessage {
		return nil, wire.ErrTooBig.With("message of %d bytes, at most %d are taken", len(data), MaxMessage)
	}
	m := new(message)
	if err := wire.Unmarshal(data, m); err != nil {
		return nil, err
	}
	switch {
	case m.Kind == 0:
		return nil, wire.ErrBadRequest.With("message without a kind")
	case len(m.Deltas) > maxMembers || len(m.Want) > maxMembers/8 || len(m.Heard) > 2*maxMembers:
		return nil, wire.ErrTooBig.With("message of too many members")
	case len(m.Hash) != 0 && len(m.Hash) != rootSize, len(m.Target) != 0 && len(m.Target) != len(identity{}):
		return nil, wire.ErrBadRequest.With("malformed message")
	}
	for _, d := range m.Deltas {
		if len(d.Owner) != len(identity{}) {
			return nil, wire.ErrBadRequest.With("delta of nobody")
		}
	}
	return m, nil
}
