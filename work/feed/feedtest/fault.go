package feedtest

import (
	"context"
	"errors"
	"iter"
	"sync"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/feed"
)

// fault does each step of a store, unless before says that something happens
// first; what happens behind it, after says.
type fault struct {
	feed.Store
	mu            sync.Mutex
	steps         map[string]int // calls so far, by step
	before, after func(step string, call int) error
}

func (f *fault) do(step string, do func() error) error {
	f.mu.Lock()
	call := f.steps[step]
	f.steps[step]++
	f.mu.Unlock()
	if err := f.before(step, call); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return f.after(step, call)
}

// Cursor is the store's, with what goes wrong.
func (f *fault) Cursor(ctx context.Context) (next uint64, err error) {
	err = f.do("cursor", func() (err error) {
		next, err = f.Store.Cursor(ctx)
		return err
	})
	return next, err
}

// Claimed is the store's, with what goes wrong.
func (f *fault) Claimed(ctx context.Context) iter.Seq2[work.Unit, error] {
	return func(yield func(work.Unit, error) bool) {
		err := f.do("claimed", func() error {
			for u, err := range f.Store.Claimed(ctx) {
				if !yield(u, err) {
					break
				}
			}
			return nil
		})
		if err != nil {
			yield(work.Unit{}, err)
		}
	}
}

// Claim is the store's, with what goes wrong.
func (f *fault) Claim(ctx context.Context, n int) (units []work.Unit, err error) {
	err = f.do("claim", func() (err error) {
		units, err = f.Store.Claim(ctx, n)
		return err
	})
	if err != nil {
		return nil, err
	}
	return units, nil
}

// Put is the store's, with what goes wrong.
func (f *fault) Put(ctx context.Context, chunks []work.Datachunk) error {
	return f.do("put", func() error { return f.Store.Put(ctx, chunks) })
}

// Finish is the store's, with what goes wrong.
func (f *fault) Finish(ctx context.Context) error {
	return f.do("finish", func() error { return f.Store.Finish(ctx) })
}

// killing ends the world before, or after, one call of a step.
func killing(step string, call int, after bool) func(feed.Store, func()) feed.Store {
	return func(store feed.Store, kill func()) feed.Store {
		now := func(s string, n int) error {
			if s != step || n != call {
				return nil
			}
			kill()
			return errKilled
		}
		never := func(string, int) error { return nil }
		f := &fault{Store: store, steps: map[string]int{}, before: now, after: never}
		if after {
			f.before, f.after = never, now
		}
		return f
	}
}

var errTrouble = errors.New("the store is away")

// away refuses each step the first time, and does it the second time but says
// that it did not.
func away(store feed.Store, _ func()) feed.Store {
	return &fault{
		Store: store, steps: map[string]int{},
		before: func(_ string, call int) error {
			if call == 0 {
				return errTrouble
			}
			return nil
		},
		after: func(_ string, call int) error {
			if call == 1 {
				return errTrouble
			}
			return nil
		},
	}
}
