package dispatch

import (
	"errors"
	"fmt"
	"io"

	"github.com/batchain/batchain/wire"
)

// ErrProtocol means that a hive did not keep to the protocol.
var ErrProtocol = errors.New("peer broke the protocol")

// readAnswer reads the answer of the wanted kind into v. An error frame comes back
// as its error.
func readAnswer(r io.Reader, wanted byte, most int, v any) error {
	kind, payload, err := wire.ReadFrameOf(r, func(kind byte) (int, error) {
		switch kind {
		case wanted:
			return most, nil
		case wire.KindError:
			return wire.MaxErrorSize, nil
		}
		return 0, fmt.Errorf("%w: answer of kind %d", ErrProtocol, kind)
	})
	if err != nil {
		return err
	}
	if kind == wire.KindError {
		return wire.ReadError(payload)
	}
	if err := wire.Unmarshal(payload, v); err != nil {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return nil
}
