package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// stallTime is how long a fetch may stand still before another source is asked.
const stallTime = 15 * time.Second

// reading is the bringing of Data shards of a segment.
type reading struct {
	d       *mend
	have    int
	running map[uint8]bool
	tried   map[origin]error
	results chan fetched
}

type fetched struct {
	origin
	took time.Duration
	err  error
}

// read brings Data shards from the best hosts, and no more: one that fails is
// replaced. When it returns, nobody writes to the slab any more.
func (d *mend) read(ctx context.Context) error {
	r := &reading{d: d, running: map[uint8]bool{}, tried: map[origin]error{}, results: make(chan fetched)}
	ctx, cancel := context.WithCancel(ctx)
	defer func() {
		cancel()
		for range r.running {
			<-r.results
		}
		d.at = d.r.at(d.s.Number)
	}()
	sources := d.sources()
	for need := d.r.m.Scheme.Data; r.have < need; {
		for _, src := range sources {
			if _, tried := r.tried[src]; r.have+len(r.running) < need && !tried && !r.running[src.index] && len(d.shards[src.index]) == 0 {
				r.start(ctx, src)
			}
		}
		if len(r.running) == 0 {
			return r.unreachable()
		}
		select {
		case f := <-r.results:
			r.ended(ctx, f)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// sources lists who is believed to hold the segment's shards, the best first.
func (d *mend) sources() []origin {
	s := shard.Segment{Number: d.s.Number}
	for _, a := range d.at {
		if a.verdict == verdictOK {
			s.Placed = append(s.Placed, shard.Placement{Index: a.index, Host: uint16(a.host)})
		}
	}
	return d.r.hosts.sources(s, d.r.m.Scheme)
}

func (r *reading) start(ctx context.Context, src origin) {
	r.running[src.index], r.tried[src] = true, nil
	began := time.Now()
	go func() {
		err := r.d.fetch(ctx, src)
		r.results <- fetched{src, time.Since(began), err}
	}()
}

// ended takes in how a fetch went. What a host does not hold, or holds wrong, is
// lost.
func (r *reading) ended(ctx context.Context, f fetched) {
	delete(r.running, f.index)
	d := r.d
	if f.err == nil {
		r.have++
		d.shards[f.index] = d.rooms[f.index]
		d.r.hosts.served(f.host, f.took)
		return
	}
	if ctx.Err() != nil {
		return
	}
	r.tried[f.origin] = f.err
	d.r.hosts.failed(f.host, f.err)
	d.r.hosts.struck(f.host)
	switch {
	case errors.Is(f.err, wire.ErrDamaged):
		d.r.judge(f.host, d.s.Number, f.index, verdictWrong)
	case errors.Is(f.err, wire.ErrNotFound):
		d.r.judge(f.host, d.s.Number, f.index, verdictMissing)
	}
	d.r.e.log.InfoContext(ctx, "host did not serve a shard", "peer", f.host, "segment", d.s.Number, "index", f.index, "err", f.err)
}

// errStalled ends a fetch that brings nothing any more.
var errStalled = fmt.Errorf("no more bytes came: %w", context.DeadlineExceeded)

// fetch brings one shard and checks it.
func (d *mend) fetch(ctx context.Context, src origin) error {
	if err := d.r.e.connect(ctx, src.host); err != nil {
		return err
	}
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	alarm := time.AfterFunc(d.r.stall, func() { cancel(errStalled) })
	defer alarm.Stop()
	id, into := d.s.Shards[src.index], d.rooms[src.index]
	got := func(n int) {
		alarm.Reset(d.r.stall)
		d.r.read.add(int64(n))
	}
	err := d.r.e.cfg.Client.Fetch(ctx, src.host, id, 0, into, got)
	for wait := 50 * time.Millisecond; exchange.Retryable(err) && wait < busyTime; wait *= 2 {
		select {
		case <-time.After(wait):
			err = d.r.e.cfg.Client.Fetch(ctx, src.host, id, 0, into, got)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	if err == nil && shard.Sum(into) != id {
		err = wire.ErrDamaged.With("the host sent other bytes than those that were stored")
	}
	return err
}

// unreachable tells what is missing, and whether it can still come back.
func (r *reading) unreachable() error {
	d := r.d
	e := &UnreachableError{Segment: int(d.s.Number), Need: d.r.m.Scheme.Data, Have: r.have, Hosts: d.r.hosts.said()}
	back := map[uint8]bool{} // indices at hosts that do not answer
	for _, a := range d.r.at(d.s.Number) {
		h := d.r.hosts.table[a.host].ID
		switch err := r.tried[origin{a.index, h}]; {
		case a.verdict == verdictWrong, a.verdict == verdictMissing:
		case a.verdict != verdictOK:
			back[a.index] = true
			e.Hosts[h.String()] = d.r.why(a.host)
		case err != nil:
			back[a.index] = true
		}
	}
	for index, have := range d.shards {
		switch {
		case len(have) > 0:
		case back[uint8(index)]:
			e.Unreachable++
		default:
			e.Damaged++
		}
	}
	return e
}
