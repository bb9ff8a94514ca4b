package transfer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"math/rand/v2"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// pass hands on one shard. The error is one that ends all.
func (v *evacuation) pass(ctx context.Context, lot shard.Lot, buf []byte) error {
	o := lot.Offer
	if v.gone.has(o) {
		v.count(func(r *EvacuateResult) { r.Shards++; r.Moved++ })
		return nil
	}
	body, err := v.read(o, buf)
	if err != nil {
		v.e.log.WarnContext(ctx, "shard cannot be handed on", "shard", o.Shard, "err", err)
		v.left(1, 0, "damaged here")
		return nil
	}
	receipt, err := v.place(ctx, lot, body)
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		v.left(1, 0, err.Error())
		return nil
	}
	v.count(func(r *EvacuateResult) { r.Shards++; r.Moved++ })
	return v.gone.add(receipt)
}

// read brings a shard into buf and checks it.
func (v *evacuation) read(o shard.Offer, buf []byte) ([]byte, error) {
	from, length, err := v.open(o.Shard)
	if err != nil {
		return nil, err
	}
	defer from.Close()
	if length != int64(o.Length) || int64(len(buf)) < length {
		return nil, wire.ErrDamaged.With("%d bytes where %d belong", length, o.Length)
	}
	body := buf[:length]
	if _, err := io.ReadFull(from, body); err != nil {
		return nil, err
	}
	if shard.Sum(body) != o.Shard {
		return nil, wire.ErrDamaged
	}
	return body, nil
}

// errNoTaker means that every host that has room has shards of the file, failed,
// or said no.
var errNoTaker = errors.New("no other peer that holds none of the file has room")

// place finds a host for a shard and brings it there.
func (v *evacuation) place(ctx context.Context, lot shard.Lot, body []byte) (shard.Receipt, error) {
	if !v.takers.any(ctx) {
		return shard.Receipt{}, errNoTaker
	}
	o, homes := lot.Offer, v.homesOf(ctx, lot.Grant.Locator)
	s := spot{lot.Grant.Locator, o.Segment, o.Index, int64(o.Length)}
	tried := map[peer.ID]bool{}
	for {
		p, ok := v.pick(ctx, s, o, homes, func(p peer.ID) bool {
			return tried[p] || homes[p] && !v.gone.heir(o, p)
		})
		if !ok {
			return shard.Receipt{}, errNoTaker
		}
		tried[p] = true
		out := exchange.Outgoing{Grant: lot.SignedGrant, Offer: lot.SignedOffer, Terms: o, Draft: lot.Draft}
		receipt, err := v.offerTo(ctx, p, out, body)
		if err == nil || ctx.Err() != nil {
			return receipt, err
		}
		v.gone.release(o, p)
		if errors.Is(err, wire.ErrDeleted) {
			return shard.Receipt{}, errors.New("its owner deleted the file")
		}
		v.e.log.InfoContext(ctx, "host does not take a shard", "peer", p, "shard", o.Shard, "err", err)
		v.takers.drop(p, reason(err))
	}
}

// offerTo offers a shard to one host. One that wants no bytes of it, for it has
// them already, shows a leaf of them.
func (v *evacuation) offerTo(ctx context.Context, p peer.ID, out exchange.Outgoing, body []byte) (shard.Receipt, error) {
	took := false
	receipt, err := v.e.handOver(ctx, p, out, body, func(n int) {
		took = true
		v.sent(n)
	})
	if err == nil && !took {
		err = v.e.showsLeaf(ctx, p, out.Terms.Shard, body)
	}
	return receipt, err
}

// showsLeaf fetches one leaf, drawn by lot, of a shard that p says it has; nobody
// without the repair key can order a proof.
func (e *Engine) showsLeaf(ctx context.Context, p peer.ID, id shard.ID, body []byte) error {
	from := rand.IntN(shard.Leaves(len(body))) * shard.LeafSize
	want := body[from:min(from+shard.LeafSize, len(body))]
	into, came := make([]byte, len(body)-from), 0
	ctx, enough := context.WithTimeout(ctx, auditLimit)
	defer enough()
	err := e.cfg.Client.Fetch(ctx, p, id, int64(from), into, func(n int) {
		if came += n; came >= len(want) {
			enough()
		}
	})
	if came < len(want) || !bytes.Equal(into[:len(want)], want) {
		return errors.Join(errNotProved, err)
	}
	return nil
}

// pick chooses a host, who took the shard in an earlier try first, then one that
// has fewer shards of the segment from here, and counts the shard there.
func (v *evacuation) pick(ctx context.Context, s spot, o shard.Offer, of homes, never func(peer.ID) bool) (peer.ID, bool) {
	v.choose.Lock()
	defer v.choose.Unlock()
	p, ok := v.takers.pick(ctx, s, func(a answer) int {
		if never(a.peer) {
			return -1
		}
		if v.gone.took(o, a.peer) {
			return 0
		}
		return 1 + v.gone.share(o, a.peer, 0) + of.rank(a.peer)
	})
	if ok && !v.gone.took(o, p) {
		v.gone.claim(o, p)
	}
	return p, ok
}
