package transfer

import (
	"context"

	"github.com/batchain/batchain/shard"
)

// bandwidthBurst is the largest write that a limit is asked for at once.
const bandwidthBurst = 256 << 10

// MinBandwidth is the least that a put may be held to, in bytes a second: below
// it hosts would hang up between two writes.
const MinBandwidth = 32 << 10

// slotsFor is how many transfers may share bytes a second: each should come to
// a write every 10 s, for a host hangs up on one that is silent for 60 s.
func slotsFor(bandwidth int64) int {
	return int(min(max(2, 10*min(bandwidth, 1<<40)/bandwidthBurst), 2*shard.MaxShards))
}

// enter waits until the bandwidth has room for one more transfer.
func (p *put) enter(ctx context.Context) (leave func(), err error) {
	if p.slots == nil {
		return func() {}, nil
	}
	select {
	case p.slots <- struct{}{}:
		return func() { <-p.slots }, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// count notes shard bytes that left, and holds the sender to the bandwidth that
// the owner allows.
func (p *put) count(ctx context.Context, n int) {
	p.sent.add(int64(n))
	for p.limit != nil && n > 0 {
		some := min(n, bandwidthBurst)
		if p.limit.WaitN(ctx, some) != nil {
			return // the context has ended, and so does the transfer
		}
		n -= some
	}
}
