package transfer

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// place brings the restored shards to the hosts that were chosen, all at once.
func (d *mend) place(ctx context.Context) error {
	var wait sync.WaitGroup
	for index, p := range d.heirs {
		wait.Go(func() { d.bring(ctx, index, p) })
	}
	wait.Wait()
	return context.Cause(ctx)
}

// bring offers one shard to p, and to others until one has it.
func (d *mend) bring(ctx context.Context, index uint8, p peer.ID) {
	out, err := d.offer(index)
	for ok := err == nil; ok; p, ok = d.pick(ctx, index) {
		if err = d.offerTo(ctx, p, out); err == nil {
			d.r.placed(p, d.s.Number, index)
			return
		}
		d.release(index, p)
		if ctx.Err() != nil {
			return
		}
		d.r.e.log.InfoContext(ctx, "host does not take a shard", "peer", p, "segment", d.s.Number, "index", index, "err", err)
		d.r.takers.drop(p, reason(err))
	}
	d.r.homeless()
}

func (d *mend) offer(index uint8) (exchange.Outgoing, error) {
	terms := shard.Offer{
		Grant: d.r.digest, Shard: d.s.Shards[index], Segment: d.s.Number, Index: index,
		Length: uint32(d.length), Lease: uint32(d.r.opts.Lease / time.Second),
	}
	signed, err := terms.Sign(d.r.m.Repair, d.r.m.Mesh)
	return exchange.Outgoing{Grant: d.r.m.SignedGrant, Offer: signed, Terms: terms}, err
}

// errNotProved means that a host says it has a shard already, and did not show
// that it does.
var errNotProved = errors.New("says that it has a shard, and does not prove it")

// offerTo offers a shard to one host. One that wants no bytes of it, for it has
// them already, proves one leaf; one that was found to have lost this very shard
// is not believed.
func (d *mend) offerTo(ctx context.Context, p peer.ID, out exchange.Outgoing) error {
	took := false
	_, err := d.r.e.handOver(ctx, p, out, d.shards[out.Terms.Index], func(n int) {
		took = true
		d.r.sent.add(int64(n))
	})
	if err != nil || took {
		return err
	}
	if d.wards.had[origin{out.Terms.Index, p}] {
		return errNotProved
	}
	leaf := uint32(rand.IntN(shard.Leaves(d.length)))
	slices, err := d.r.e.warrant(d.r.m).audit(ctx, p, []shard.Pick{{Shard: out.Terms.Shard, Leaf: leaf}})
	if err == nil {
		_, err = shard.VerifyLeaf(out.Terms.Shard, d.length, leaf, slices[0])
	}
	if err != nil {
		return errors.Join(errNotProved, err)
	}
	return nil
}
