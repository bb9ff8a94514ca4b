package exchange

import (
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Version is the version in the protocol id. Its first number changes when a
// host must not misread what it would otherwise ignore.
const Version = "1.0.0"

// ProtocolID returns the id under which the hosts of a mesh serve.
func ProtocolID(mesh string) protocol.ID {
	return protocol.ID("/batchain/" + mesh + "/shard/" + Version)
}

// The operations: kinds of request frames, 1 to 127. Append only.
const (
	opAsk     byte = 1
	opOffer   byte = 2
	opFetch   byte = 3
	opList    byte = 4
	opAudit   byte = 5
	opRenew   byte = 6
	opDelete  byte = 7
	opNotePut byte = 8
	opNoteGet byte = 9
	opKeep    byte = 10
	opTurn    byte = 11
)

// The kinds of answer frames, 128 to 191. Append only. Kind 0 is a REJECT.
const (
	ansRoom    byte = 129 // to ASK
	ansReady   byte = 130 // to OFFER, NOTE_PUT, KEEP: send the bytes
	ansBytes   byte = 131 // to FETCH: raw bytes follow
	ansHeld    byte = 132 // to LIST
	ansProof   byte = 133 // to AUDIT: raw slices follow
	ansRenewed byte = 134 // to RENEW
	ansDeleted byte = 135 // to DELETE
	ansKept    byte = 136 // to NOTE_PUT, after the blob
	ansNotes   byte = 137 // to NOTE_GET: raw blobs follow
	ansDone    byte = 138 // to OFFER: held already
	ansReceipt byte = 139 // to OFFER, after the bytes
	ansCharged byte = 140 // to KEEP, after the manifest
	ansTurned  byte = 141 // to TURN
)

// firstHint begins the kinds of frames that a reader may skip, 192 to 255.
const firstHint byte = 192

// Every length that a peer may declare, checked before anything is allocated.
const (
	maxRequest   = 4 << 10   // payload of a request
	maxAnswer    = 4 << 10   // payload of an answer, save HELD, RENEWED and NOTES
	maxHeld      = 128 << 10 // payload of those three
	maxHint      = 1 << 10   // payload of a hint
	maxHints     = 64        // hints before one answer
	maxCursor    = 128       // bytes in the cursor of a LIST or RENEW
	maxRows      = 1024      // rows in one HELD
	maxRenewed   = 256       // receipts in one RENEWED
	maxWhy       = 256       // bytes kept of a peer's explanation
	maxAskedRoom = 1 << 60   // bytes
)

// BulkSize is how many bytes go into one write of a transfer. Writes from
// 64 KiB up cost the same CPU per byte; smaller ones cost more.
const BulkSize = 256 << 10

type (
	askMessage struct {
		Bytes uint64 `cbor:"1,keyasint"`
		Lease uint32 `cbor:"2,keyasint"` // seconds
	}
	roomMessage struct {
		Takes bool        `cbor:"1,keyasint"`
		Free  uint64      `cbor:"2,keyasint"` // bytes
		Why   *wire.Error `cbor:"3,keyasint,omitempty"`
	}
	offerMessage struct {
		Grant wire.Signed `cbor:"1,keyasint"`
		Offer wire.Signed `cbor:"2,keyasint"`
		Draft bool        `cbor:"3,keyasint,omitempty"`
	}
	readyMessage struct {
		Offset uint32 `cbor:"1,keyasint"`
	}
	receiptMessage struct {
		Receipt wire.Signed `cbor:"1,keyasint"`
	}
	fetchMessage struct {
		Shard  shard.ID `cbor:"1,keyasint"`
		Offset uint32   `cbor:"2,keyasint"`
		Length uint32   `cbor:"3,keyasint,omitempty"` // 0: to the end
	}
	bytesMessage struct {
		Length uint32 `cbor:"1,keyasint"` // bytes that follow
		Total  uint32 `cbor:"2,keyasint"` // bytes in the shard
	}
	orderMessage struct {
		Grant wire.Signed `cbor:"1,keyasint"`
		Order wire.Signed `cbor:"2,keyasint"`
	}
	heldMessage struct {
		Rows []shard.Held `cbor:"1,keyasint"`
		Next []byte       `cbor:"2,keyasint,omitempty"`
	}
	deletedMessage struct {
		Shards uint32 `cbor:"1,keyasint"`
	}
	proofMessage struct {
		Slices []uint32 `cbor:"1,keyasint"` // bytes of each, 0: not held
	}
	renewedMessage struct {
		Receipts []wire.Signed `cbor:"1,keyasint"`
		Next     []byte        `cbor:"2,keyasint,omitempty"`
	}
	noteMessage struct {
		Grant wire.Signed `cbor:"1,keyasint"`
		Note  wire.Signed `cbor:"2,keyasint"`
	}
	noteGetMessage struct {
		Locator shard.Locator `cbor:"1,keyasint"`
	}
	notesMessage struct {
		Notes []noteMessage `cbor:"1,keyasint"`
	}
	keepMessage struct {
		Charge shard.Charge `cbor:"1,keyasint"` // holds a secret key: never log it
	}
	chargedMessage struct{}
	turnedMessage  struct {
		Turn shard.Turn `cbor:"1,keyasint"`
	}
)
