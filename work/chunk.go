package work

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Datachunk is what came of one unit. Its consumer gets those of a project in
// the order of the units, at least once.
type Datachunk struct {
	Seq      uint64     `cbor:"1,keyasint"` // of the unit in its project, from 0
	Key      string     `cbor:"2,keyasint,omitempty"`
	State    GroupState `cbor:"3,keyasint"`           // Valid, Failed or Cancelled
	Output   []byte     `cbor:"4,keyasint,omitempty"` // when Valid
	Reason   string     `cbor:"5,keyasint,omitempty"` // when Failed
	Fuel     uint64     `cbor:"6,keyasint,omitempty"` // of one execution
	Attempts uint16     `cbor:"7,keyasint"`           // attempts that were made
	Bees     []peer.ID  `cbor:"8,keyasint,omitempty"` // whose results it agrees with
	Finished int64      `cbor:"9,keyasint"`           // Unix milliseconds
}

// Validator judges the answers of a workgroup for a project whose rule is
// Custom. It gets copies, and must return when ctx ends; what it returns is
// checked. An error means that it could not judge: it is asked again, and
// after three times the unit fails.
type Validator interface {
	Judge(ctx context.Context, unit Unit, answers []Answer) (Judgement, error)
}

// Judgement is what a [Validator] says. The zero one says that the answers
// prove nothing: they are forgotten, and other bees are asked.
type Judgement struct {
	Valid  bool
	Output []byte // of the datachunk, when Valid; at most MaxOutput
	Wrong  []int  // answers that are wrong, when Valid; the others are right
}
