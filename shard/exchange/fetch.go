package exchange

import (
	"context"
	"fmt"
	"io"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Fetch fills dst with the bytes of a shard from offset on, straight off the
// stream. It does not check them: the caller verifies the hash of the whole.
// A host whose shard has another length than offset+len(dst) asks for gives
// [wire.ErrDamaged]; one that does not have it, [wire.ErrNotFound].
//
// got, if not nil, is called on this goroutine with the bytes that each read
// brought. It may block, to hold the rate down, for less than the host's idle
// time (60 s). After an error dst holds what had come by then.
func (c *Client) Fetch(ctx context.Context, p peer.ID, id shard.ID, offset int64, dst []byte, got func(n int)) error {
	if err := c.fetch(ctx, p, id, offset, dst, got); err != nil {
		return fmt.Errorf("fetch from %s: %w", p, err)
	}
	return nil
}

func (c *Client) fetch(ctx context.Context, p peer.ID, id shard.ID, offset int64, dst []byte, got func(n int)) error {
	if offset < 0 || len(dst) == 0 || offset+int64(len(dst)) > shard.MaxShardLength {
		return wire.ErrBadRequest.With("%d bytes from %d on", len(dst), offset)
	}
	call, err := c.open(ctx, p)
	if err != nil {
		return err
	}
	_, payload, err := call.request(c.timeouts.Answer, opFetch,
		fetchMessage{id, uint32(offset), uint32(len(dst))}, map[byte]int{ansBytes: maxAnswer})
	if err == nil {
		err = c.pull(call, payload, offset, dst, got)
	}
	return call.end(err)
}

func (c *Client) pull(call *call, header []byte, offset int64, dst []byte, got func(n int)) error {
	var m bytesMessage
	if err := decode(header, &m); err != nil {
		return err
	}
	if int64(m.Length) != int64(len(dst)) || int64(m.Total) < offset+int64(m.Length) {
		return wire.ErrDamaged.With("%d bytes of a shard of %d, %d were asked for from %d on", m.Length, m.Total, len(dst), offset)
	}
	in := c.timeouts.pace(call.Stream, int64(len(dst)))
	for len(dst) > 0 {
		n, err := in.Read(dst)
		if got != nil && n > 0 {
			got(n)
		}
		dst = dst[n:]
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil && len(dst) > 0 {
			return err
		}
	}
	return nil
}
