package transfer

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// transfer offers one shard to one host until it has the receipt, the host is
// given up, or another host can step in.
func (d *delivery) transfer(ctx context.Context, s *sending) (shard.Receipt, error) {
	offer, err := d.offer(s.index)
	if err != nil {
		return shard.Receipt{}, err
	}
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 2*time.Second) {
		receipt, err := d.try(ctx, s.host, offer, d.s.shards[s.index])
		if err == nil {
			d.p.roster.succeeded(s.host)
			return receipt, nil
		}
		if ctx.Err() != nil {
			return shard.Receipt{}, context.Cause(ctx)
		}
		if !d.worthRetry(s.host, err) {
			return shard.Receipt{}, err
		}
		select {
		case <-time.After(wait):
		case <-ctx.Done():
			return shard.Receipt{}, context.Cause(ctx)
		}
	}
}

// worthRetry judges a failure. A host that refuses, lies or stalls is given up
// at once; one that cannot be reached only when its patience is used up.
func (d *delivery) worthRetry(h peer.ID, err error) bool {
	switch {
	case errors.Is(err, wire.ErrBusy):
		return d.p.roster.failed(h, err, time.Now(), busyPatience)
	case errors.Is(err, wire.ErrInProgress):
		return d.p.roster.failed(h, err, time.Now(), patience)
	case refused(err):
		d.p.roster.lose(h, err)
		return false
	}
	return d.p.roster.failed(h, err, time.Now(), patience) && !d.p.roster.hasOther(d.load)
}

func (d *delivery) try(ctx context.Context, h peer.ID, offer exchange.Outgoing, body []byte) (shard.Receipt, error) {
	if err := d.p.e.connect(ctx, h); err != nil {
		return shard.Receipt{}, err
	}
	leave, err := d.p.enter(ctx)
	if err != nil {
		return shard.Receipt{}, err
	}
	defer leave()
	_, receipt, err := d.p.e.cfg.Client.Offer(ctx, h, offer, body, func(n int) {
		d.p.trace(Trace{Step: TraceReady, Peer: h})
		d.p.count(ctx, n)
	})
	if err == nil {
		d.p.trace(Trace{Step: TraceStore, Peer: h, Bytes: len(body)})
	}
	return receipt, err
}

// offer hashes and signs what is offered: a draft, until the put is done.
func (d *delivery) offer(index int) (exchange.Outgoing, error) {
	d.hashShard(index)
	terms := shard.Offer{
		Grant: d.p.digest, Shard: d.ids[index], Segment: d.s.sealing.Number, Index: uint8(index),
		Length: uint32(d.s.length), Lease: uint32(d.p.opts.Lease / time.Second),
	}
	signed, err := terms.Sign(d.p.repair, d.p.e.cfg.Mesh)
	return exchange.Outgoing{Grant: d.p.grant, Offer: signed, Terms: terms, Draft: true}, err
}

func (d *delivery) hashShard(index int) {
	d.hash[index].Do(func() { d.ids[index] = shard.Sum(d.s.shards[index]) })
}

// hashAll names the shards that no host took, for the manifest lists them too.
func (d *delivery) hashAll() {
	for index := range d.ids {
		d.hashShard(index)
	}
}
