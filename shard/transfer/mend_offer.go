package transfer

import (
	"context"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// breakPatience is how long a host that breaks off, or cannot be reached, is
// tried before the shard goes to another.
const breakPatience = 2 * time.Second

// handOver offers one shard to one host until it gives a receipt or is not
// worth another try: one that refuses, lies or stalls at once, one that is busy,
// or takes in the same shard from somebody else, when its patience is used up.
func (e *Engine) handOver(ctx context.Context, p peer.ID, o exchange.Outgoing, body []byte, sent func(n int)) (shard.Receipt, error) {
	began := time.Now()
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		receipt, err := e.offerOnce(ctx, p, o, body, sent)
		if err == nil {
			return receipt, nil
		}
		if ctx.Err() != nil {
			return shard.Receipt{}, context.Cause(ctx)
		}
		if time.Since(began)+wait > offerPatience(err) {
			return shard.Receipt{}, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return shard.Receipt{}, context.Cause(ctx)
		}
	}
}

func (e *Engine) offerOnce(ctx context.Context, p peer.ID, o exchange.Outgoing, body []byte, sent func(n int)) (shard.Receipt, error) {
	if err := e.connect(ctx, p); err != nil {
		return shard.Receipt{}, err
	}
	_, receipt, err := e.cfg.Client.Offer(ctx, p, o, body, sent)
	return receipt, err
}

// offerPatience is how long to go on with a host that failed with err.
func offerPatience(err error) time.Duration {
	switch {
	case exchange.Retryable(err):
		return busyPatience
	case refused(err):
		return 0
	default:
		return breakPatience
	}
}
