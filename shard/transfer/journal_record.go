package transfer

import (
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

const journalVersion = 1

// The kinds of journal records. Append only.
const (
	recordStart   = 1
	recordSegment = 2
	recordReceipt = 3
	recordDone    = 4
	recordHost    = 5
	recordDoubt   = 6
)

const maxJournalRecord = 64 << 10

// start is a journal's first record: what does not change when a put resumes.
type start struct {
	Version int          `cbor:"1,keyasint"`
	Source  []byte       `cbor:"2,keyasint"` // path, or name of a stream: any bytes
	File    shard.FileID `cbor:"3,keyasint"`
	Data    int          `cbor:"4,keyasint"`
	Parity  int          `cbor:"5,keyasint"`
	Segment int          `cbor:"6,keyasint"` // sealed bytes of a full one
	Mesh    string       `cbor:"7,keyasint"`
}

func (s start) scheme() shard.Scheme { return shard.Scheme{Data: s.Data, Parity: s.Parity} }

// valid reports whether a put can go on from here.
func (s start) valid() bool {
	return s.Version == journalVersion && s.scheme().Validate() == nil &&
		s.Segment > shard.SealOverhead && s.Segment <= shard.MaxSegmentLength
}

// sealing is how a segment was sealed. It is on disk before any byte of the
// segment leaves, so that its nonce can never seal another plaintext.
type sealing struct {
	Number uint32       `cbor:"1,keyasint"`
	Sealed int          `cbor:"2,keyasint"`
	Last   bool         `cbor:"3,keyasint"`
	Nonce  shard.Nonce  `cbor:"4,keyasint"`
	Plain  shard.Digest `cbor:"5,keyasint"`
}

// same reports whether a segment read now is the one that was sealed then.
func (s sealing) same(length int, last bool, plain shard.Digest) bool {
	return s.Sealed == length+shard.SealOverhead && s.Last == last && s.Plain == plain
}

// placedShard is one receipt in short.
type placedShard struct {
	Index uint8   `cbor:"1,keyasint"`
	Host  peer.ID `cbor:"2,keyasint"`
}

// finished is a segment that is safe: all that the manifest needs of it.
type finished struct {
	Number uint32        `cbor:"1,keyasint"`
	Shards []byte        `cbor:"2,keyasint"` // ids, one after the other
	Placed []placedShard `cbor:"3,keyasint"`
}

// hostAddrs are address hints of a host that gave a receipt.
type hostAddrs struct {
	Peer  peer.ID  `cbor:"1,keyasint"`
	Addrs [][]byte `cbor:"2,keyasint"`
}

// doubt says that a host did not confirm what it gave receipts for.
type doubt struct {
	Host peer.ID `cbor:"1,keyasint"`
}

// progressOf is what the journal knows of one segment.
type progressOf struct {
	sealing  sealing
	receipts map[uint8]shard.Receipt
	done     int64 // offset of its finished record, 0 if it is not
	whole    bool  // finished, and every shard is under receipt
}
