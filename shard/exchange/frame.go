package exchange

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode"

	"github.com/batchain/batchain/wire"
)

// ErrProtocol means that a host did not keep to the protocol: rubbish, an
// answer out of place, lengths that contradict each other, a receipt that
// does not hold. Such a host is broken or lies.
var ErrProtocol = errors.New("peer broke the protocol")

// readAnswer reads the answer to a request: a frame of one of the kinds that
// limits knows. A REJECT comes back as its [*wire.Error]; hints are skipped.
func readAnswer(r io.Reader, limits map[byte]int) (byte, []byte, error) {
	limit := func(kind byte) (int, error) {
		most, known := limits[kind]
		switch {
		case known:
			return most, nil
		case kind == wire.KindError:
			return wire.MaxErrorSize, nil
		case kind >= firstHint:
			return maxHint, nil
		}
		return 0, fmt.Errorf("%w: answer of kind %d", ErrProtocol, kind)
	}
	for range maxHints + 1 {
		kind, payload, err := wire.ReadFrameOf(r, limit)
		if err != nil {
			return 0, nil, blame(err)
		}
		if kind == wire.KindError {
			return 0, nil, rejection(payload)
		}
		if kind < firstHint {
			return kind, payload, nil
		}
	}
	return 0, nil, fmt.Errorf("%w: more than %d hints", ErrProtocol, maxHints)
}

// blame marks the errors of reading a frame that only a broken peer causes.
func blame(err error) error {
	if errors.Is(err, wire.ErrTooLarge) || errors.Is(err, wire.ErrBadRequest) {
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return err
}

// rejection decodes a REJECT. Its text is a stranger's, so it is cut and
// cleaned of everything that could play with a terminal.
func rejection(payload []byte) error {
	err := wire.ReadError(payload)
	var e *wire.Error
	if !errors.As(err, &e) || e == wire.ErrBadRequest { // ours: it did not decode
		return fmt.Errorf("%w: %w", ErrProtocol, err)
	}
	return clean(e)
}

func clean(e *wire.Error) *wire.Error {
	text := strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return '?'
	}, e.Message[:min(len(e.Message), maxWhy)])
	if text == "" {
		text = fmt.Sprintf("refused with code %d", e.Code)
	}
	return &wire.Error{Code: e.Code, Message: text}
}
