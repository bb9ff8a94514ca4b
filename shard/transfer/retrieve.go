package transfer

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

const (
	hedgeCheck = 50 * time.Millisecond
	busyTime   = 5 * time.Second // the longest pause before a busy host is asked again
)

// retrieval brings any Data shards of one segment.
type retrieval struct {
	g       *get
	s       shard.Segment
	length  int      // bytes of a shard
	shards  [][]byte // by index; empty while not there
	room    [][]byte // by index: where a shard goes
	have    int
	running map[uint8]*fetching
	tried   map[origin]error
	asked   bool          // holders were looked for beyond the manifest
	looking chan struct{} // closed when that has ended; nil before and after
	results chan *fetching
}

// fetching is one shard on its way from one host.
type fetching struct {
	origin
	began  time.Time
	moved  atomic.Int64 // when the last bytes came, Unix nanoseconds
	hedged bool
	err    error
}

// retrieve brings a segment into slab and returns its plaintext, which lies
// there too. The slab has room for Data+Parity shards.
func (g *get) retrieve(ctx context.Context, s shard.Segment, slab []byte) ([]byte, error) {
	length := g.m.Scheme.ShardLength(s.Sealed)
	r := &retrieval{
		g: g, s: s, length: length, room: g.m.Scheme.Split(slab, length), shards: make([][]byte, g.m.Scheme.Shards()),
		running: map[uint8]*fetching{}, tried: map[origin]error{}, results: make(chan *fetching, g.m.Scheme.Shards()),
	}
	for i, room := range r.room {
		r.shards[i] = room[:0]
	}
	if err := r.run(ctx); err != nil {
		return nil, err
	}
	if err := g.coder.Rebuild(r.shards); err != nil {
		return nil, err
	}
	return g.sealer.Open(slab[:s.Sealed], s.Number, g.last(s), s.Nonce)
}

// run fetches until Data shards are there. When it returns, nobody writes to
// the slab any more.
func (r *retrieval) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer r.drain()
	defer cancel()
	check := time.NewTicker(hedgeCheck)
	defer check.Stop()
	for r.have < r.g.m.Scheme.Data {
		if err := r.fill(ctx); err != nil {
			return err
		}
		select {
		case f := <-r.results:
			r.ended(ctx, f)
		case <-check.C:
			r.hedge(ctx)
		case <-r.looking:
			r.looking = nil
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// fill starts as many fetches as are still needed. When sources run out it has
// others looked for than those of the manifest, once; with none left and none
// under way it gives up.
func (r *retrieval) fill(ctx context.Context) error {
	for r.have+r.promising() < r.g.m.Scheme.Data && r.next(ctx) {
	}
	if r.have+r.promising() < r.g.m.Scheme.Data && !r.asked {
		ended := make(chan struct{})
		r.asked, r.looking = true, ended
		go func() {
			defer close(ended)
			r.g.locate(ctx)
		}()
	}
	if len(r.running) > 0 || r.looking != nil {
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return r.unreachable()
}

// promising counts the fetches that have not stalled.
func (r *retrieval) promising() (n int) {
	for _, f := range r.running {
		if !f.hedged {
			n++
		}
	}
	return n
}

// next starts a fetch from the best source that was not tried yet.
func (r *retrieval) next(ctx context.Context) bool {
	for _, src := range r.g.holders.sources(r.s, r.g.m.Scheme) {
		_, tried := r.tried[src]
		if tried || r.running[src.index] != nil || len(r.shards[src.index]) > 0 {
			continue
		}
		f := &fetching{origin: src, began: time.Now()}
		f.moved.Store(f.began.UnixNano())
		r.running[src.index] = f
		r.tried[src] = nil
		go func() {
			f.err = r.fetch(ctx, f)
			r.results <- f
		}()
		return true
	}
	return false
}

// fetch brings one shard and checks it.
func (r *retrieval) fetch(ctx context.Context, f *fetching) error {
	if err := r.g.e.connect(ctx, f.host); err != nil {
		return err
	}
	id, into := r.s.Shards[f.index], r.room[f.index]
	got := func(n int) {
		f.moved.Store(time.Now().UnixNano())
		r.g.received.add(int64(n))
	}
	err := r.g.e.cfg.Client.Fetch(ctx, f.host, id, 0, into, got)
	for wait := 50 * time.Millisecond; exchange.Retryable(err) && wait < busyTime; wait *= 2 {
		select {
		case <-time.After(wait):
			err = r.g.e.cfg.Client.Fetch(ctx, f.host, id, 0, into, got)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err != nil {
		return err
	}
	if shard.Sum(into) != id {
		return wire.ErrDamaged.With("the host sent other bytes than those that were stored")
	}
	return nil
}

func (r *retrieval) ended(ctx context.Context, f *fetching) {
	delete(r.running, f.index)
	if f.err == nil {
		r.shards[f.index] = r.room[f.index]
		r.have++
		r.g.holders.served(f.host, time.Since(f.began))
		return
	}
	if ctx.Err() != nil {
		return
	}
	if exchange.Retryable(f.err) && len(r.running) > 0 {
		delete(r.tried, f.origin) // it is busy, with us perhaps: its turn may come
		return
	}
	r.tried[f.origin] = f.err
	r.g.holders.failed(f.host, f.err)
	if missing(f.err) {
		r.g.holders.struck(f.host)
	}
	r.g.e.log.InfoContext(ctx, "host did not serve a shard", "peer", f.host, "segment", r.s.Number, "index", f.index, "err", f.err)
}

// hedge gives every fetch without progress company from another source.
func (r *retrieval) hedge(ctx context.Context) {
	now := time.Now()
	for _, f := range r.running {
		still := now.Sub(time.Unix(0, f.moved.Load()))
		if f.hedged || still < r.g.holders.deadline(f.host) {
			continue
		}
		f.hedged = true // fill now sees one fetch too few
		r.g.holders.struck(f.host)
		r.g.e.log.InfoContext(ctx, "host stalls, another is asked as well", "peer", f.host, "segment", r.s.Number, "index", f.index)
	}
}

// drain waits for all that is under way; its context has ended.
func (r *retrieval) drain() {
	if r.looking != nil {
		<-r.looking
	}
	for range r.running {
		<-r.results
	}
}

// unreachable tells what is missing, and whether it can still come back.
func (r *retrieval) unreachable() error {
	e := &UnreachableError{Segment: int(r.s.Number), Need: r.g.m.Scheme.Data, Have: r.have, Hosts: r.g.holders.said()}
	for index := range r.shards {
		if len(r.shards[index]) > 0 {
			continue
		}
		if r.mayComeBack(uint8(index)) {
			e.Unreachable++
		} else {
			e.Damaged++
		}
	}
	return e
}

// mayComeBack reports whether a host that does not answer may have the shard:
// it was told to, or nobody was and not every host could be asked.
func (r *retrieval) mayComeBack(index uint8) bool {
	known := false
	for src, err := range r.tried {
		if src.index != index {
			continue
		}
		known = true
		if !missing(err) {
			return true
		}
	}
	return !known && !r.g.holders.allHeard()
}
