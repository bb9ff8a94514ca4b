package transfer

import (
	"context"
	"errors"
	"net"
	"os"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// reason says in a few words why a host did not serve.
func reason(err error) string {
	var e *wire.Error
	var timeout net.Error
	switch {
	case errors.Is(err, errLagging):
		return "too slow"
	case errors.Is(err, wire.ErrFull):
		return "full"
	case errors.Is(err, exchange.ErrProtocol):
		return "answers nonsense"
	case errors.As(err, &e):
		return e.Message
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return "stalled"
	default:
		return "unreachable"
	}
}

// refused reports whether a host said no in a way that asking again will not
// change, lied, or stalled until its time was up.
func refused(err error) bool {
	var e *wire.Error
	return errors.As(err, &e) || errors.Is(err, exchange.ErrProtocol) || reason(err) == "stalled"
}

// unheard reports whether a host gave no answer at all, or none in time.
func unheard(err error) bool {
	var e *wire.Error
	return tookTooLong(err) || !errors.As(err, &e) && !errors.Is(err, exchange.ErrProtocol)
}

// missing reports whether a host answered that it does not hold the bytes, or
// sent others.
func missing(err error) bool {
	return errors.Is(err, wire.ErrNotFound) || errors.Is(err, wire.ErrDamaged) || errors.Is(err, shard.ErrManifest)
}
