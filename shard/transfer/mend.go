package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// mend is one segment on its way back to health.
type mend struct {
	r      *repair
	s      shard.Segment
	at     []at
	length int               // bytes of a shard
	rooms  [][]byte          // by index, in one slab
	shards [][]byte          // by index; empty while not there
	known  map[uint8]bool    // lost indices for which a host was looked for
	heirs  map[uint8]peer.ID // who is to take them
	wards  *wards
}

// newMend looks at one segment. The slab has room for Data+Parity shards.
func (r *repair) newMend(s shard.Segment, slab []byte) *mend {
	length := r.m.Scheme.ShardLength(s.Sealed)
	d := &mend{
		r: r, s: s, at: r.at(s.Number), length: length, rooms: r.m.Scheme.Split(slab, length),
		shards: make([][]byte, r.m.Scheme.Shards()), heirs: map[uint8]peer.ID{}, known: map[uint8]bool{},
	}
	for i, room := range d.rooms {
		d.shards[i] = room[:0]
	}
	d.wards = r.wards(s.Placed, d.at)
	return d
}

// run reads Data shards, makes the lost ones again and brings them to new hosts.
// Nothing is read while nobody would take a shard. The errors are
// [*UnreachableError], [shard.ErrManifest] and that of ctx; a shard that finds no
// host is none.
func (d *mend) run(ctx context.Context) error {
	if d.choose(ctx); len(d.heirs) == 0 {
		return context.Cause(ctx)
	}
	err := d.read(ctx)
	if err == nil {
		d.choose(ctx) // reading may have shown that more is lost
		err = d.restore(slices.Sorted(maps.Keys(d.heirs)))
	}
	if err != nil {
		for index, p := range d.heirs {
			d.release(index, p)
		}
		return err
	}
	return d.place(ctx)
}

// choose finds a host for each lost index, once.
func (d *mend) choose(ctx context.Context) {
	for _, index := range d.r.lost(d.at) {
		if d.known[index] {
			continue
		}
		d.known[index] = true
		if p, ok := d.pick(ctx, index); ok {
			d.heirs[index] = p
		} else {
			d.r.homeless()
		}
	}
}

// pick chooses a host for an index: another one each time.
func (d *mend) pick(ctx context.Context, index uint8) (peer.ID, bool) {
	w := d.wards
	w.mu.Lock()
	defer w.mu.Unlock()
	s := spot{d.r.m.Grant.Locator, d.s.Number, index, int64(d.length)}
	p, ok := d.r.takers.pick(ctx, s, func(a answer) int { return w.rank(index, a) })
	if ok {
		w.load[p]++
		w.tried[origin{index, p}] = true
	}
	return p, ok
}

// release takes an index off the host that was chosen.
func (d *mend) release(index uint8, p peer.ID) {
	d.wards.mu.Lock()
	defer d.wards.mu.Unlock()
	d.wards.load[p]--
	d.r.takers.release(p, int64(d.length))
}

// restore makes the wanted shards and compares them with the core's ids: from
// good shards others can only come of a core that makes no sense.
func (d *mend) restore(indices []uint8) error {
	want := make([]int, len(indices))
	for i, index := range indices {
		want[i] = int(index)
	}
	if err := d.r.coder.Restore(d.shards, want); err != nil {
		return err
	}
	for _, index := range want {
		if shard.Sum(d.shards[index]) != d.s.Shards[index] {
			return fmt.Errorf("%w: segment %d cannot have a shard %d of this name", shard.ErrManifest, d.s.Number, index)
		}
	}
	return nil
}
