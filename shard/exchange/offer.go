package exchange

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Outgoing is a shard on its way to a host: the grant and the offer as they
// are signed, and what the offer says. A draft belongs to a put that is not
// finished: whatever the receipt says, the host drops it after a day unless a
// RENEW has confirmed it.
type Outgoing struct {
	Grant wire.Signed
	Offer wire.Signed
	Terms shard.Offer
	Draft bool
}

// lastWord is how long after a write broke the host's reason may still come.
const lastWord = 2 * time.Second

// Offer gives a host one shard and returns its receipt, which holds for
// exactly these terms at this host. body must be the whole shard and stay
// untouched until Offer returns; the host says from where it wants it.
//
// sent, if not nil, is called on this goroutine after every write with how
// many bytes it handed to the stream, which says nothing of where they are.
// It may block, to hold the rate down: a write is 256 KiB and shrinks to
// 16 KiB on a slow path, so that a host sees something within its idle time
// (60 s) down to 300 bytes a second. While it blocks neither the host's word
// nor the end of ctx is noticed, so it should end with ctx as well.
//
// Of the errors [Retryable] are wire.ErrInProgress and wire.ErrBusy. ErrFull,
// ErrQuota, ErrTooBig and ErrDeleted mean: another host. ErrDamaged means that
// the bytes which arrived are not the shard's.
func (c *Client) Offer(ctx context.Context, p peer.ID, o Outgoing, body []byte, sent func(n int)) (wire.Signed, shard.Receipt, error) {
	signed, err := c.offer(ctx, p, o, body, sent)
	if err != nil {
		return wire.Signed{}, shard.Receipt{}, fmt.Errorf("offer to %s: %w", p, err)
	}
	receipt, err := shard.OpenReceipt(signed, p, c.mesh, o.Terms)
	if err == nil {
		err = receipt.Timely(time.Now())
	}
	if err != nil {
		return wire.Signed{}, shard.Receipt{}, fmt.Errorf("offer to %s: %w: %w", p, ErrProtocol, err)
	}
	return signed, receipt, nil
}

func (c *Client) offer(ctx context.Context, p peer.ID, o Outgoing, body []byte, sent func(n int)) (wire.Signed, error) {
	if len(body) != int(o.Terms.Length) {
		return wire.Signed{}, wire.ErrBadRequest.With("%d bytes for a shard of %d", len(body), o.Terms.Length)
	}
	call, err := c.open(ctx, p)
	if err != nil {
		return wire.Signed{}, err
	}
	kind, payload, err := call.request(c.timeouts.Answer, opOffer, offerMessage{o.Grant, o.Offer, o.Draft},
		map[byte]int{ansReady: maxAnswer, ansDone: maxAnswer})
	if err == nil && kind == ansReady {
		payload, err = c.pushFrom(call, payload, body, sent)
	}
	var m receiptMessage
	if err == nil {
		err = decode(payload, &m)
	}
	return m.Receipt, call.end(err)
}

// pushFrom sends what the host still wants of body and returns the payload of
// RECEIPT.
func (c *Client) pushFrom(call *call, ready, body []byte, sent func(n int)) ([]byte, error) {
	var m readyMessage
	if err := decode(ready, &m); err != nil {
		return nil, err
	}
	if int(m.Offset) > len(body) {
		return nil, fmt.Errorf("%w: READY at %d of %d bytes", ErrProtocol, m.Offset, len(body))
	}
	body = body[m.Offset:]
	return c.push(call, int64(len(body)), ansReceipt, func(w io.Writer) error { return write(w, body, sent) })
}

// push sends length bytes by send and returns the payload of the answer of
// kind. While it writes, a goroutine reads: a host that has had enough says so
// at any time.
func (c *Client) push(call *call, length int64, kind byte, send func(io.Writer) error) ([]byte, error) {
	out := c.timeouts.pace(call.Stream, length)
	if err := call.SetReadDeadline(out.end); err != nil {
		return nil, err
	}
	type answer struct {
		payload []byte
		err     error
	}
	answers := make(chan answer, 1)
	go func() {
		_, payload, err := readAnswer(call, map[byte]int{kind: maxAnswer})
		if err != nil {
			_ = call.Reset() // wakes the writer
		}
		answers <- answer{payload, err}
	}()
	writeErr := send(out)
	wait := c.timeouts.Idle
	if writeErr != nil {
		wait = lastWord
	}
	_ = call.SetReadDeadline(time.Now().Add(wait))
	a := <-answers
	if writeErr != nil && !telling(a.err) {
		return nil, writeErr
	}
	return a.payload, a.err
}

// telling reports whether err, met while reading, explains a broken write
// better than the write does: it is the host's own word, or the lack of sense
// in it.
func telling(err error) bool {
	var e *wire.Error
	return errors.As(err, &e) || errors.Is(err, ErrProtocol)
}

const (
	smallestWrite = 16 << 10
	slowWrite     = 2 * time.Second
	fastWrite     = 500 * time.Millisecond
)

// write writes body in parts that fit the speed of the path.
func write(w io.Writer, body []byte, sent func(n int)) error {
	part := BulkSize
	for len(body) > 0 {
		began := time.Now()
		n, err := w.Write(body[:min(part, len(body))])
		if sent != nil && n > 0 {
			sent(n)
		}
		if err != nil {
			return err
		}
		body = body[n:]
		switch took := time.Since(began); {
		case took > slowWrite:
			part = max(part/2, smallestWrite)
		case took < fastWrite:
			part = min(part*2, BulkSize)
		}
	}
	return nil
}
