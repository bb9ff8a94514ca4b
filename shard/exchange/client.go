package exchange

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/multiformats/go-multistream"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Client asks other peers. It keeps nothing between calls and may be used by
// many goroutines at once. Every method opens one stream, over a connection
// that is there or dialled from the addresses in the host's peerstore, and
// ends it before it returns; the end of its context resets the stream at once.
// Over a relay that limits its connections the context must allow it
// (network.WithAllowLimitedConn); otherwise a direct connection is waited for.
//
// Errors wrap the peer's [*wire.Error] where it refused, [wire.ErrTimeout]
// where it did not answer in time, [wire.ErrUnsupported] where it does not
// speak the protocol, [ErrProtocol] where it broke it, and context.Cause
// where the context ended.
type Client struct {
	host     host.Host
	mesh     string
	timeouts Timeouts
}

// NewClient returns a client of h in a mesh.
func NewClient(h host.Host, mesh string, t Timeouts) *Client {
	return &Client{host: h, mesh: mesh, timeouts: t.withDefaults()}
}

// Retryable reports whether the same host may well say yes shortly: it is
// busy, or it is still taking in an earlier try of the same transfer.
func Retryable(err error) bool {
	return errors.Is(err, wire.ErrBusy) || errors.Is(err, wire.ErrInProgress)
}

// call is one operation under way.
type call struct {
	network.Stream
	ctx  context.Context
	stop func() bool
}

// open opens a stream to p that is reset when ctx ends.
func (c *Client) open(ctx context.Context, p peer.ID) (*call, error) {
	opening, cancel := context.WithTimeout(ctx, c.timeouts.Open)
	defer cancel()
	s, err := c.host.NewStream(opening, p, ProtocolID(c.mesh))
	if err != nil {
		return nil, explain(ctx, translate(err))
	}
	stop := context.AfterFunc(ctx, func() { _ = s.Reset() })
	return &call{Stream: s, ctx: ctx, stop: stop}, nil
}

// end closes the stream, or resets it after an error, which it explains.
func (c *call) end(err error) error {
	c.stop()
	if err == nil {
		_ = c.Close()
		return nil
	}
	err = explain(c.ctx, translate(err))
	_ = c.Reset()
	return err
}

// translate gives libp2p's word for "no such protocol" ours.
func translate(err error) error {
	var unknown multistream.ErrNotSupported[protocol.ID]
	if errors.As(err, &unknown) {
		return fmt.Errorf("%w: %w", wire.ErrUnsupported, err)
	}
	return err
}

// request writes the request and reads the first answer, within d.
func (c *call) request(d time.Duration, kind byte, message any, limits map[byte]int) (byte, []byte, error) {
	if err := c.SetDeadline(time.Now().Add(d)); err != nil {
		return 0, nil, err
	}
	if err := wire.WriteMessage(c, kind, message); err != nil {
		return 0, nil, err
	}
	return readAnswer(c, limits)
}

// simple carries out an operation that has one frame for an answer.
func (c *Client) simple(ctx context.Context, p peer.ID, d time.Duration, kind byte, message any, want byte, limit int, into any) error {
	call, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	_, payload, err := call.request(d, kind, message, map[byte]int{want: limit})
	if err == nil {
		err = decode(payload, into)
	}
	return call.end(err)
}

func decode(payload []byte, into any) error {
	return blame(wire.Unmarshal(payload, into))
}

// Answer is what a host says to ASK.
type Answer struct {
	Takes bool
	Free  int64       // bytes it has for this asker
	Why   *wire.Error // why not, nil when it takes
}

// Ask asks a host to hold room for bytes, over lease; it holds it for 60 s,
// once for each asker. With 0 bytes it only asks. A host without room is no
// error: see [Answer].
func (c *Client) Ask(ctx context.Context, p peer.ID, bytes int64, lease time.Duration) (Answer, error) {
	var m roomMessage
	seconds, err := leaseSeconds(lease)
	if err == nil && bytes < 0 {
		err = wire.ErrBadRequest.With("%d bytes", bytes)
	}
	if err == nil {
		err = c.simple(ctx, p, c.timeouts.Answer, opAsk, askMessage{uint64(bytes), seconds}, ansRoom, maxAnswer, &m)
	}
	if err != nil {
		return Answer{}, fmt.Errorf("ask %s: %w", p, err)
	}
	a := Answer{Takes: m.Takes, Free: int64(min(m.Free, math.MaxInt64))}
	switch {
	case m.Takes:
	case m.Why == nil:
		a.Why = wire.ErrFull
	default:
		a.Why = clean(m.Why)
	}
	return a, nil
}

func leaseSeconds(lease time.Duration) (uint32, error) {
	if lease < time.Second || lease > shard.LeaseMax {
		return 0, wire.ErrBadRequest.With("lease of %s", lease)
	}
	return uint32(lease / time.Second), nil
}

// List returns one page of what a host holds of a file: at most 1024 rows, and
// the cursor to sign into the order for the next page, nil on the last one.
// The order is one of [shard.OrderList], signed with the repair key.
func (c *Client) List(ctx context.Context, p peer.ID, grant, order wire.Signed) (rows []shard.Held, next []byte, err error) {
	var m heldMessage
	err = c.simple(ctx, p, c.timeouts.Idle, opList, orderMessage{grant, order}, ansHeld, maxHeld, &m)
	if err == nil {
		err = m.check()
	}
	if err != nil {
		return nil, nil, fmt.Errorf("list at %s: %w", p, err)
	}
	return m.Rows, m.Next, nil
}

func (m *heldMessage) check() error {
	if len(m.Rows) > maxRows || len(m.Next) > maxCursor {
		return fmt.Errorf("%w: %d rows and a cursor of %d bytes", ErrProtocol, len(m.Rows), len(m.Next))
	}
	for _, row := range m.Rows {
		if row.Length == 0 || row.Length > shard.MaxShardLength || row.Segment >= shard.MaxSegments || row.Index >= shard.MaxShards {
			return fmt.Errorf("%w: row of %d bytes, segment %d, index %d", ErrProtocol, row.Length, row.Segment, row.Index)
		}
	}
	return nil
}

// Delete makes a host drop a file and refuse it from now on. It returns how
// many shards went; 0 when it was done before. The order is one of
// [shard.OrderDelete], signed with the admin key.
func (c *Client) Delete(ctx context.Context, p peer.ID, grant, order wire.Signed) (shards int, err error) {
	var m deletedMessage
	if err := c.simple(ctx, p, c.timeouts.Idle, opDelete, orderMessage{grant, order}, ansDeleted, maxAnswer, &m); err != nil {
		return 0, fmt.Errorf("delete at %s: %w", p, err)
	}
	return int(m.Shards), nil
}
