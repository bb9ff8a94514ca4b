package replica

import (
	"bytes"
	"cmp"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/wire"
)

// maxDrops is how many earlier updates one update may drop.
const maxDrops = 256

// recordOverhead bounds what a record adds to its change, in bytes: id, numbers,
// drops (9 each), root, signature.
const recordOverhead = 4 << 10

// maxSeq leaves room to count on.
const maxSeq = 1 << 62

// digest is a BLAKE3-256.
type digest [32]byte

// Update is one change by one author. It is a value that nobody alters: Change
// and Drops are shared by all who hold it.
type Update struct {
	Source Source
	Seq    uint64    // 1, 2, 3 … for each source
	Time   Timestamp // later than that of every update its author knew
	Change []byte    // what the model makes of it; empty when it only drops
	Drops  []uint64  // earlier updates of this source that are needed no more, ascending

	root   digest // of the updates that the source vouches for besides this one
	sum    digest // of the body
	record wire.Signed
}

// Compare orders updates by time, and those of one time by source: which of two
// competing ones counts is the same everywhere.
func (u Update) Compare(v Update) int {
	return cmp.Or(cmp.Compare(u.Time, v.Time), u.Source.Compare(v.Source), cmp.Compare(u.Seq, v.Seq))
}

// size is what the update counts against [Limits], in bytes.
func (u Update) size() int { return len(u.record.Body) + len(u.record.Sig) }

// body is an update as it is signed.
type body struct {
	Peer   peer.ID   `cbor:"1,keyasint"`
	Epoch  uint64    `cbor:"2,keyasint"`
	Seq    uint64    `cbor:"3,keyasint"`
	Time   Timestamp `cbor:"4,keyasint"`
	Root   []byte    `cbor:"5,keyasint"`
	Change []byte    `cbor:"6,keyasint,omitempty"`
	Drops  []uint64  `cbor:"7,keyasint,omitempty"`
}

// parseUpdate reads a record as it travels and is stored. Its signature is not
// looked at.
func parseUpdate(data []byte) (Update, error) {
	var u Update
	if err := wire.Unmarshal(data, &u.record); err != nil {
		return Update{}, fmt.Errorf("update: %w", err)
	}
	var b body
	if err := wire.Unmarshal(u.record.Body, &b); err != nil {
		return Update{}, fmt.Errorf("update: %w", err)
	}
	if err := b.valid(); err != nil {
		return Update{}, fmt.Errorf("update: %w", err)
	}
	u.fill(b)
	return u, nil
}

// fill takes the fields from the body. The change is that part of the signed
// bytes, so that it is held once.
func (u *Update) fill(b body) {
	u.Source, u.Seq, u.Time, u.Drops = Source{b.Peer, b.Epoch}, b.Seq, b.Time, b.Drops
	if n := len(b.Change); n > 0 {
		at := bytes.Index(u.record.Body, b.Change)
		u.Change = u.record.Body[at : at+n : at+n]
	}
	u.root, u.sum = digest(b.Root), blake3.Sum256(u.record.Body)
}

func (b body) valid() error {
	switch {
	case b.Peer.Validate() != nil, b.Epoch == 0, b.Seq == 0, b.Seq > maxSeq, b.Time > maxTimestamp, len(b.Root) != len(digest{}):
		return fmt.Errorf("%w: a field is missing or out of range", wire.ErrBadRequest)
	case len(b.Drops) > maxDrops:
		return fmt.Errorf("%w: %d drops, at most %d are allowed", wire.ErrBadRequest, len(b.Drops), maxDrops)
	}
	last := uint64(0)
	for _, seq := range b.Drops {
		if seq <= last || seq >= b.Seq {
			return fmt.Errorf("%w: drops out of order", wire.ErrBadRequest)
		}
		last = seq
	}
	return nil
}
