package exchange

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/wire"
)

// Timeouts bounds how long one end waits for the other. Zero fields are the
// defaults.
type Timeouts struct {
	// Open is for dialling, handshakes and negotiation together; 15 s.
	Open time.Duration
	// Answer is for a whole request to arrive, on a host, and for its first
	// answer, on the asking side; 10 s. A transfer that was silent for longer
	// gives way to another try of the same peer.
	Answer time.Duration
	// Idle is how long a transfer may stand still, and how long a host may
	// take to commit, list or delete; 60 s.
	Idle time.Duration
	// MinRate is the slowest that a transfer may be on the whole, in bytes a
	// second: it ends 2·Idle + length/MinRate after it began, whatever
	// happens; 1 KiB/s, so that a 16 MiB shard may take 4.6 hours.
	MinRate int64
}

func (t Timeouts) withDefaults() Timeouts {
	t.Open = cmp.Or(t.Open, 15*time.Second)
	t.Answer = cmp.Or(t.Answer, 10*time.Second)
	t.Idle = cmp.Or(t.Idle, time.Minute)
	t.MinRate = cmp.Or(t.MinRate, 1<<10)
	return t
}

func (t Timeouts) longest(length int64) time.Duration {
	return 2*t.Idle + time.Duration(length/t.MinRate)*time.Second
}

// paced gives the reads and writes of a transfer their deadlines. At most one
// goroutine reads and one writes. Deadlines are set anew only when an eighth
// of the idle time has gone, so a busy stream hardly pays for them.
type paced struct {
	network.Stream
	idle    time.Duration
	began   time.Time
	end     time.Time
	readBy  time.Time
	writeBy time.Time
	moved   atomic.Int64 // nanoseconds from began to the last byte in
}

func (t Timeouts) pace(s network.Stream, length int64) *paced {
	began := time.Now()
	return &paced{Stream: s, idle: t.Idle, began: began, end: began.Add(t.longest(length))}
}

func (p *paced) Read(buf []byte) (int, error) {
	if at, due := p.due(p.readBy); due {
		p.readBy = at
		if err := p.SetReadDeadline(at); err != nil {
			return 0, err
		}
	}
	n, err := p.Stream.Read(buf)
	if n > 0 {
		p.moved.Store(int64(time.Since(p.began)))
	}
	return n, err
}

func (p *paced) Write(buf []byte) (int, error) {
	if at, due := p.due(p.writeBy); due {
		p.writeBy = at
		if err := p.SetWriteDeadline(at); err != nil {
			return 0, err
		}
	}
	return p.Stream.Write(buf)
}

func (p *paced) due(set time.Time) (time.Time, bool) {
	at := time.Now().Add(p.idle)
	if at.After(p.end) {
		at = p.end
	}
	return at, at.Sub(set) > p.idle/8 || (at.Equal(p.end) && !set.Equal(p.end))
}

// silent is how long no byte has come in.
func (p *paced) silent() time.Duration { return time.Since(p.began) - time.Duration(p.moved.Load()) }

// explain turns what a stream says into what a caller can act on: the end of
// the context, [wire.ErrTimeout], or the error as it is.
func explain(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if timedOut(err) {
		return fmt.Errorf("%w: %w", wire.ErrTimeout, err)
	}
	return err
}

func timedOut(err error) bool {
	var timeout net.Error
	return errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) ||
		(errors.As(err, &timeout) && timeout.Timeout())
}
