package replica

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"reflect"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// Direction says which way updates go. Append only.
type Direction int

const (
	// Both sends and takes updates.
	Both Direction = iota + 1
	// SendOnly takes none, so that nobody at the other end can change this
	// replica: the master of a read-only copy.
	SendOnly
	// RecvOnly sends none.
	RecvOnly
)

// StreamOptions is how a stream is replicated over. The zero value goes both ways
// and ends when both sides are equal.
type StreamOptions struct {
	Direction Direction // 0: Both
	// Tail keeps the stream open after that, and sends what is new as it comes,
	// if the other side wants it too.
	Tail bool
	// HideClock does not tell the other side what this one knows, so that all
	// is sent here. Only a RecvOnly side can hide it.
	HideClock bool
	Meta      []byte // for the other side's OnHeader; at most [MaxMeta]

	OnHeader func(Header) // the other side introduced itself; may be nil
	OnSynced func()       // all that either side had at the beginning is here and there; may be nil

	// Timeout bounds the wait for each frame until the sides are equal, and for
	// the other side to take what is written. 0: 30 s.
	Timeout time.Duration
}

// Header is how the other side introduced itself. Nothing of it is proven.
type Header struct {
	ID        peer.ID
	Direction Direction
	Clock     Clock // nil when it hides it
	Meta      []byte
}

// Replicate makes this replica and the one at the other end of rw equal, whose side
// calls it too. It blocks, and closes rw, or resets it on an error where it can be
// reset, as a libp2p stream can.
//
// It returns nil when both sides are equal and no tail is wanted, or when the other
// side ends a tail; ErrClosed when the replica was closed; else what went wrong:
// [ErrDocument], [ErrVersion], [ErrOmission], [ErrInUse], wire.ErrBadRequest,
// wire.ErrTooLarge, wire.ErrBadSignature, wire.ErrTimeout, wire.ErrBusy, an error of
// rw, of the disk or of ctx. Whatever was taken in before stays. No error of one
// stream touches another.
func (r *Replica) Replicate(ctx context.Context, rw io.ReadWriteCloser, opts StreamOptions) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	s, err := r.open(rw, opts, cancel)
	if err != nil {
		return fmt.Errorf("replicate %s: %w", r.cfg.Doc, err)
	}
	defer r.leave(s)
	var parts sync.WaitGroup
	parts.Go(func() { s.speak(ctx) })
	parts.Go(func() { s.cancel(s.receive(ctx)) })
	parts.Go(func() { <-ctx.Done(); s.end(context.Cause(ctx)) })
	parts.Wait()
	if err := context.Cause(ctx); !errors.Is(err, errEnd) {
		return fmt.Errorf("replicate %s: %w", r.cfg.Doc, err)
	}
	return nil
}

// errEnd is the good end of a stream.
var errEnd = errors.New("the stream is complete")

// stream is one run of [Replica.Replicate].
type stream struct {
	r      *Replica
	rw     io.ReadWriteCloser
	opts   StreamOptions
	cancel context.CancelCauseFunc
	met    chan struct{} // closed when the other side's header is here
	wake   chan struct{} // the sender has something to do
	quiet  chan struct{} // closed when nothing is written any more

	// Guarded by r.mu.
	peer     header
	has      Clock           // what the other side has or was sent
	sent     bool            // our first commit went out
	got      bool            // theirs came
	asked    []Source        // to be sent in full
	ask      []Source        // to be asked for in full
	awaited  map[Source]bool // was asked for in full
	barred   map[Source]time.Time
	done     bool // we said that we need nothing more
	peerDone bool // the other side did
	synced   bool
}

func (r *Replica) open(rw io.ReadWriteCloser, opts StreamOptions, cancel context.CancelCauseFunc) (*stream, error) {
	opts.Direction = cmp.Or(opts.Direction, Both)
	opts.Timeout = cmp.Or(opts.Timeout, 30*time.Second)
	if len(opts.Meta) > MaxMeta {
		return nil, fmt.Errorf("%w: meta of %d bytes", wire.ErrTooBig, len(opts.Meta))
	}
	s := &stream{
		r: r, rw: rw, opts: opts, cancel: cancel, met: make(chan struct{}), wake: make(chan struct{}, 1), quiet: make(chan struct{}),
		has: Clock{}, awaited: map[Source]bool{}, barred: map[Source]time.Time{},
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return nil, ErrClosed
	}
	if err := r.journal.fault(); err != nil {
		return nil, err
	}
	for other := range r.streams {
		if reflect.TypeOf(other.rw).Comparable() && other.rw == rw {
			return nil, ErrInUse
		}
	}
	if len(r.streams) >= r.cfg.Limits.Streams {
		return nil, fmt.Errorf("%w: %d streams", wire.ErrBusy, len(r.streams))
	}
	r.streams[s] = struct{}{}
	r.running.Add(1)
	return s, nil
}

func (r *Replica) leave(s *stream) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.streams, s)
	r.running.Done()
}

// speak runs the sender. When it cannot write any more, the receiver may know better
// why: it gets a moment to come to the end of what the other side wrote.
func (s *stream) speak(ctx context.Context) {
	err := s.send(ctx)
	close(s.quiet)
	if !errors.Is(err, errEnd) {
		select {
		case <-time.After(closeGrace):
		case <-ctx.Done():
		}
	}
	s.cancel(err)
}

// end closes the stream: at a good end so that what was written arrives, else at
// once, so that neither goroutine waits for the other side.
func (s *stream) end(cause error) {
	reset, can := s.rw.(interface{ Reset() error })
	if can && !errors.Is(cause, errEnd) && !errors.Is(cause, ErrClosed) {
		_ = reset.Reset()
		return
	}
	_ = s.rw.Close()
	select {
	case <-s.quiet:
	case <-time.After(closeGrace):
		if can {
			_ = reset.Reset()
		}
	}
}

// closeGrace is how long what was written may take to leave or to be read at an end.
const closeGrace = time.Second

// poke wakes the sender. r.mu may be held.
func (s *stream) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// timedWriter ends the stream when the other side takes nothing for too long.
type timedWriter struct{ s *stream }

func (w timedWriter) Write(p []byte) (int, error) {
	defer w.s.deadline()()
	return w.s.rw.Write(p)
}

// deadline ends the stream unless what it returns is called in time.
func (s *stream) deadline() func() bool {
	return time.AfterFunc(s.opts.Timeout, func() { s.cancel(wire.ErrTimeout) }).Stop
}

// sends and takes say which way updates go, by the wishes of both sides.
func (s *stream) sends() bool {
	return s.opts.Direction != RecvOnly && s.peer.Direction != SendOnly
}

func (s *stream) takes() bool {
	return s.opts.Direction != SendOnly && s.peer.Direction != RecvOnly
}

func (s *stream) tail() bool { return s.opts.Tail && s.peer.Tail }
