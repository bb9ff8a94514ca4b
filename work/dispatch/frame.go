package dispatch

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/batchain/batchain/wire"
)

// ErrProtocol means that a hive did not keep to the protocol.
var ErrProtocol = errors.New("peer broke the protocol")

// readFrame reads one frame whose limit depends on its kind. Nothing is
// allocated or read of a payload that limit refuses.
func readFrame(r io.Reader, limit func(kind byte) (int, error)) (byte, []byte, error) {
	var head [wire.FrameHeaderSize]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, nil, err
	}
	kind := head[wire.FrameHeaderSize-1]
	most, err := limit(kind)
	if err != nil {
		return kind, nil, err
	}
	_, payload, err := wire.ReadFrame(io.MultiReader(bytes.NewReader(head[:]), r), most)
	return kind, payload, err
}

// readAnswer reads the answer of the wanted kind into v. An error frame comes back
// as its error.
func readAnswer(r io.Reader, wanted byte, most int, v any) error {
	kind, payload, err := readFrame(r, func(kind byte) (int, error) {
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
