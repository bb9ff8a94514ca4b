package transfer

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// When a transfer lags: judged against the median of the same segment, and
// never before half of it is in.
const (
	lagFactor = 3
	lagFloor  = 700 * time.Millisecond
	lagCheck  = 100 * time.Millisecond
)

// errLagging ends a transfer whose shard goes to a spare instead.
var errLagging = errors.New("lags behind the other hosts")

// delivery brings the shards of one segment to their hosts.
type delivery struct {
	p       *put
	s       *segment
	ids     []shard.ID
	hash    []sync.Once
	load    load
	placed  []placedShard
	running map[int]*sending
	times   []time.Duration // of transfers that ended well
	results chan outcome
}

// sending is one shard on its way to one host.
type sending struct {
	index  int
	host   peer.ID
	heir   peer.ID // to whom the shard goes because host lags, "" if it does not
	began  time.Time
	cancel context.CancelCauseFunc
}

type outcome struct {
	sending *sending
	receipt shard.Receipt
	err     error
}

func (p *put) newDelivery(s *segment) *delivery {
	n := p.scheme.Shards()
	d := &delivery{
		p: p, s: s, ids: make([]shard.ID, n), hash: make([]sync.Once, n),
		load: load{}, running: map[int]*sending{}, results: make(chan outcome, n),
	}
	for index, host := range s.known {
		d.load[host]++
		if !p.stale {
			d.placed = append(d.placed, placedShard{Index: index, Host: host})
		}
	}
	return d
}

// run sends every shard that has no receipt yet and replaces hosts that fail or
// lag. It ends when nothing is left to try; the error is a [*ShortError] when
// the segment is not safe then.
func (d *delivery) run(ctx context.Context) error {
	ctx, cancel := context.WithCancel(ctx)
	defer d.drain()
	defer cancel()
	for range d.placed {
		d.p.safe.one(d.s.plain)
	}
	for index := range d.s.shards {
		if host, known := d.s.known[uint8(index)]; known {
			if d.p.stale {
				d.send(ctx, index, host) // it answers DONE, unless it lost the shard
			}
			continue
		}
		if host, ok := d.p.roster.assign(d.s.sealing.Number, index, d.load); ok {
			d.send(ctx, index, host)
		}
	}
	check := time.NewTicker(lagCheck)
	defer check.Stop()
	for len(d.running) > 0 {
		select {
		case o := <-d.results:
			if err := d.ended(ctx, o); err != nil {
				return err
			}
		case <-check.C:
			d.replaceLaggards()
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return d.judge()
}

// judge says whether enough of the segment is under receipt.
func (d *delivery) judge() error {
	have, want, enough := len(d.placed), d.p.scheme.Shards(), d.p.scheme.Enough()
	d.hashAll()
	if have < enough {
		return &ShortError{Scheme: d.p.scheme, Need: enough, Have: have, Known: d.p.known, Refused: d.p.roster.reasons(), Segment: int(d.s.sealing.Number)}
	}
	if have < want {
		d.p.fellShort(fmt.Sprintf("segment %d is on %s of %d", d.s.sealing.Number, english.Plural(have, "host", ""), want))
	}
	return nil
}

// fellShort notes why the file will be less safe than its scheme promises.
func (p *put) fellShort(why string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.missing == "" {
		p.missing = why
	}
}

// send starts a transfer. The segment's load has counted it already.
func (d *delivery) send(ctx context.Context, index int, host peer.ID) {
	ctx, cancel := context.WithCancelCause(ctx)
	s := &sending{index: index, host: host, began: time.Now(), cancel: cancel}
	d.running[index] = s
	go func() {
		defer cancel(nil)
		receipt, err := d.transfer(ctx, s)
		d.results <- outcome{sending: s, receipt: receipt, err: err}
	}()
}

// drain waits for the transfers that are still under way; their context has
// ended. A receipt that came nevertheless is noted for the next try.
func (d *delivery) drain() {
	for range d.running {
		if o := <-d.results; o.err == nil {
			_ = d.p.noteReceipt(o.receipt) // the put has failed already
		}
	}
}

// ended takes in how a transfer went.
func (d *delivery) ended(ctx context.Context, o outcome) error {
	index := o.sending.index
	delete(d.running, index)
	if o.err == nil {
		if o.sending.heir != "" {
			d.p.roster.release(o.sending.heir, d.load) // it made it after all
		}
		d.times = append(d.times, time.Since(o.sending.began))
		d.placed = append(d.placed, placedShard{Index: uint8(index), Host: o.receipt.Host})
		if err := d.p.noteReceipt(o.receipt); err != nil {
			return err
		}
		d.p.safe.one(d.s.plain)
		return nil
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	d.p.e.log.InfoContext(ctx, "host is passed over", "peer", o.sending.host, "segment", d.s.sealing.Number, "index", index, "err", o.err)
	d.p.trace(Trace{Step: TraceNext, Peer: o.sending.host, Err: reason(o.err)})
	if o.sending.heir != "" {
		d.p.roster.release(o.sending.host, d.load)
		d.send(ctx, index, o.sending.heir)
		return nil
	}
	if host, ok := d.p.roster.replace(o.sending.host, d.load); ok {
		d.send(ctx, index, host)
	}
	return nil
}

// replaceLaggards moves the shards of hosts that lag to spares that are ready;
// one for whom there is none is waited for, unless another transfer has found
// that it does not answer.
func (d *delivery) replaceLaggards() {
	if len(d.placed)*2 < d.p.scheme.Shards() || len(d.times) == 0 {
		return
	}
	slices.Sort(d.times)
	limit := max(lagFactor*d.times[len(d.times)/2], lagFloor)
	for _, s := range d.running {
		if s.heir != "" || time.Since(s.began) <= limit {
			continue
		}
		if heir, ok := d.p.roster.supplant(s.host, errLagging, d.load); ok {
			s.heir = heir
			s.cancel(errLagging)
		} else if d.p.roster.silent(s.host) {
			s.cancel(errLagging)
		}
	}
}
