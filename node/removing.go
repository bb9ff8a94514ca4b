package node

import (
	"context"
	"time"
)

// removesEvery is how often hosts that a remove did not reach are told again: at
// the start of the node as well.
const removesEvery = 30 * time.Minute

// finishRemoves tells hosts that were away when a file of the owner's was removed,
// until ctx ends.
func (n *Node) finishRemoves(ctx context.Context) error {
	tick := time.NewTicker(removesEvery)
	defer tick.Stop()
	for {
		if left, err := n.engine.FinishRemoves(ctx); err != nil && ctx.Err() == nil {
			n.log.Warn("removes are not finished", "hosts", left, "err", err)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return nil
		}
	}
}
