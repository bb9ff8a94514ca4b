package participant

import (
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/batchain/batchain/wire"
)

// The records and messages of gossip, as an attacker who has read its source
// would write them.
type (
	oursHead struct {
		Incarnation uint64 `cbor:"1,keyasint"`
		Seq         uint64 `cbor:"2,keyasint"`
		Max         uint64 `cbor:"3,keyasint"`
		GC          uint64 `cbor:"4,keyasint"`
		Root        []byte `cbor:"5,keyasint"`
		Anchor      []byte `cbor:"6,keyasint"`
		Base        uint64 `cbor:"7,keyasint"`
	}
	oursEntry struct {
		Incarnation uint64 `cbor:"1,keyasint"`
		Version     uint64 `cbor:"2,keyasint"`
		Key         string `cbor:"3,keyasint"`
		Value       []byte `cbor:"4,keyasint,omitempty"`
	}
	oursDelta struct {
		Owner   []byte        `cbor:"1,keyasint"`
		From    uint64        `cbor:"2,keyasint,omitempty"`
		Head    *wire.Signed  `cbor:"3,keyasint,omitempty"`
		Entries []wire.Signed `cbor:"4,keyasint,omitempty"`
	}
	oursMessage struct {
		Kind    uint8       `cbor:"1,keyasint"`
		Hash    []byte      `cbor:"2,keyasint,omitempty"`
		Heard   []byte      `cbor:"3,keyasint,omitempty"`
		Want    []byte      `cbor:"4,keyasint,omitempty"`
		Digest  []byte      `cbor:"5,keyasint,omitempty"`
		Partial bool        `cbor:"6,keyasint,omitempty"`
		Deltas  []oursDelta `cbor:"7,keyasint,omitempty"`
		Beats   []byte      `cbor:"8,keyasint,omitempty"`
		Target  []byte      `cbor:"9,keyasint,omitempty"`
		Nonce   uint64      `cbor:"10,keyasint,omitempty"`
	}
)

// The kinds of messages that the probes use; oursKinds is more than there are.
const (
	oursSyn   = 1
	oursPush  = 4
	oursKinds = 16
)

// claim is a state of owner's with one value, an hour ahead of all that owner
// says, signed with key.
func (s *oursAttacker) claim(owner int, name, value string, key ed25519.PrivateKey) oursDelta {
	ahead := uint64(time.Now().Add(time.Hour).UnixMilli())
	head := oursSign(key, "gossip-head", oursHead{
		Incarnation: ahead, Seq: 1, Max: 1, Root: oursRoot(1, name, value), Anchor: make([]byte, 16),
	})
	entry := oursSign(key, "gossip-entry", oursEntry{Incarnation: ahead, Version: 1, Key: name, Value: []byte(value)})
	return oursDelta{Owner: oursPublic(owner), Head: &head, Entries: []wire.Signed{entry}}
}

// oursRoot is what a head says of a state of one value.
func oursRoot(version uint64, key, value string) []byte {
	state := binary.BigEndian.AppendUint64(nil, version)
	state = binary.BigEndian.AppendUint32(state, uint32(len(key)))
	hash := sha256.Sum256([]byte(value))
	root := sha256.Sum256(append(append(state, key...), hash[:]...))
	return root[:16]
}

// invent is the state of a peer that nobody runs, properly signed with its own
// key, and empty.
func (s *oursAttacker) invent(i int) oursDelta {
	index := oursGhost(i)
	nothing := sha256.Sum256(nil)
	head := oursSign(oursKey(index), "gossip-head", oursHead{
		Incarnation: uint64(time.Now().UnixMilli()), Seq: 1, Root: nothing[:16], Anchor: make([]byte, 16),
	})
	return oursDelta{Owner: oursPublic(index), Head: &head}
}

// oursGhost is the number of the i-th invented peer.
func oursGhost(i int) int { return 1<<20 + i }

func oursEncode(m oursMessage) []byte {
	data, err := wire.Marshal(m)
	if err != nil {
		panic(err) // a struct of numbers and bytes
	}
	return data
}

func oursSign(key ed25519.PrivateKey, kind string, record any) wire.Signed {
	signed, err := wire.Sign(key, wire.Domain{Kind: kind, Mesh: oursMesh}, record)
	if err != nil {
		panic(err) // a struct of numbers and bytes
	}
	return signed
}

func oursPublic(index int) []byte { return oursKey(index).Public().(ed25519.PublicKey) }

// oursDigest names invented peers, from the i-th on.
func oursDigest(i, count int) []byte {
	var digest []byte
	for j := i; j < i+count; j++ {
		digest = append(digest, oursPublic(oursGhost(j))[:8]...)
		for range 5 {
			digest = binary.AppendUvarint(digest, 1<<40)
		}
	}
	return digest
}

// oursBeat is a heartbeat of node's that nobody can have made.
func oursBeat(node int, number uint64) []byte {
	beat := binary.AppendUvarint(append([]byte(nil), oursPublic(node)[:8]...), number)
	return append(beat, make([]byte, 16)...)
}
