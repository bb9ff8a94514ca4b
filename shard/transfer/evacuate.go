package transfer

import (
	"cmp"
	"context"
	"errors"
	"io"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

// EvacuateResult tells what of a leaving host went where.
type EvacuateResult struct {
	Shards    int // that were looked at
	Moved     int // that another host has a receipt for, from an earlier try too
	Left      int // that nobody took
	Notes     int // that another host keeps
	NotesLeft int
	Bytes     int64          // of shards, sent now
	Why       map[string]int // why shards and notes were left, and how many
}

// evacuateAtOnce is how many shards leave at one time.
const evacuateAtOnce = 4

// evacuation is a host leaving.
type evacuation struct {
	e      *Engine
	open   func(shard.ID) (io.ReadSeekCloser, int64, error)
	report func(Progress)
	takers *takers
	gone   *evacuated
	free   chan []byte // buffers of a shard each
	choose sync.Mutex  // held from the look at what a host has until it is counted

	mu     sync.Mutex
	homes  map[shard.Locator]func() homes
	result EvacuateResult
}

// Evacuate hands on what this host keeps for others, before it goes: every lot
// and note, to hosts that have nothing of the file yet, under the grant and the
// offer that the owner signed. It needs no key. Nothing is deleted here. What a
// try before this one handed on stays handed on.
//
// lots yields the shards whose leases run, open reads one. The result counts
// what was left, and why; that is no error. Errors are those of lots, notes and
// ctx, and of the file of what has left; the result holds then as well.
func (e *Engine) Evacuate(ctx context.Context, lots iter.Seq2[shard.Lot, error], notes iter.Seq2[shard.NoteLot, error], open func(shard.ID) (io.ReadSeekCloser, int64, error), report func(Progress)) (EvacuateResult, error) {
	gone, err := openEvacuated(e.cfg.Journal, time.Now())
	if err != nil {
		return EvacuateResult{}, err
	}
	v := &evacuation{
		e: e, open: open, report: report, gone: gone, takers: e.newTakers(1, shard.LeaseDefault, nil),
		homes: map[shard.Locator]func() homes{}, result: EvacuateResult{Why: map[string]int{}},
	}
	err = v.run(ctx, lots, notes)
	return v.result, errors.Join(err, gone.close())
}

// run hands on the notes, which are small and bring files back, then the shards.
func (v *evacuation) run(ctx context.Context, lots iter.Seq2[shard.Lot, error], notes iter.Seq2[shard.NoteLot, error]) error {
	buffers, err := newSlabs(evacuateAtOnce / inFlight * shard.MaxShardLength)
	if err != nil {
		return err
	}
	defer buffers.close()
	v.free = make(chan []byte, evacuateAtOnce)
	for _, slab := range buffers.all {
		for ; len(slab) > 0; slab = slab[shard.MaxShardLength:] {
			v.free <- slab[:shard.MaxShardLength]
		}
	}
	if err := each(ctx, v, notes, v.passNote); err != nil {
		return err
	}
	return each(ctx, v, lots, v.pass)
}

// each hands on everything that from yields, a few at a time, and waits.
func each[T any](ctx context.Context, v *evacuation, from iter.Seq2[T, error], pass func(context.Context, T, []byte) error) error {
	group, sub := errgroup.WithContext(ctx)
	for x, err := range from {
		if err != nil {
			group.Go(func() error { return err })
			break
		}
		var buf []byte
		select {
		case buf = <-v.free:
		case <-sub.Done():
		}
		if buf == nil {
			break
		}
		group.Go(func() error {
			defer func() { v.free <- buf }()
			return pass(sub, x, buf)
		})
	}
	return cmp.Or(group.Wait(), context.Cause(ctx))
}

func (v *evacuation) sent(n int) {
	v.count(func(r *EvacuateResult) { r.Bytes += int64(n) })
}

func (v *evacuation) left(shards, notes int, why string) {
	v.count(func(r *EvacuateResult) {
		r.Shards += shards
		r.Left += shards
		r.NotesLeft += notes
		r.Why[why]++
	})
}

// count changes the result and tells how far it is.
func (v *evacuation) count(change func(*EvacuateResult)) {
	v.mu.Lock()
	defer v.mu.Unlock()
	change(&v.result)
	v.report(Progress{Phase: "evacuate", Done: v.result.Bytes, Total: -1})
}
