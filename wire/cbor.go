package wire

import (
	"fmt"

	"github.com/fxamacker/cbor/v2"
)

// What a decoder accepts from strangers. A frame is bounded before it is read,
// these bound what one frame can make us build.
const (
	maxNesting  = 8
	maxElements = 1 << 16
	maxPairs    = 64
)

var (
	encMode = must(cbor.CoreDetEncOptions().EncMode())
	decMode = must(cbor.DecOptions{
		DupMapKey:        cbor.DupMapKeyEnforcedAPF,
		IndefLength:      cbor.IndefLengthForbidden,
		TagsMd:           cbor.TagsForbidden,
		TextUnmarshaler:  cbor.TextUnmarshalerTextString, // of a peer ID as text, too, is asked whether it is one
		MaxNestedLevels:  maxNesting,
		MaxArrayElements: maxElements,
		MaxMapPairs:      maxPairs,
	}.DecMode())
)

func must[T any](mode T, err error) T {
	if err != nil {
		panic("wire: internal error: " + err.Error())
	}
	return mode
}

// Marshal writes v as canonical CBOR. Equal values give equal bytes. Strings
// must be valid UTF-8, or [Unmarshal] refuses them; what may hold other bytes,
// as the name of a file may, has type []byte.
func Marshal(v any) ([]byte, error) { return encMode.Marshal(v) }

// Unmarshal reads exactly one CBOR item from data into v. It returns
// [ErrBadRequest], wrapped, for anything malformed or out of bounds.
func Unmarshal(data []byte, v any) error {
	if err := decMode.Unmarshal(data, v); err != nil {
		return fmt.Errorf("%w: %w", ErrBadRequest, err)
	}
	return nil
}
