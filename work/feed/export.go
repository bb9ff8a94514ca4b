package feed

import (
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/work"
)

// exportChunks puts the datachunks into the store, in their order, until the
// project is over.
func (f *feeder) exportChunks(ctx context.Context, next uint64) error {
	chunks := make(chan work.Datachunk, 8) // each may have 1 MiB
	parts, ctx := errgroup.WithContext(ctx)
	parts.Go(func() error {
		defer close(chunks)
		for c, err := range f.Hive.Datachunks(ctx, f.Project, next) {
			if err != nil {
				return err
			}
			select {
			case chunks <- c:
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		}
		return nil
	})
	parts.Go(func() error {
		for c := range chunks {
			if err := f.put(ctx, batch(c, chunks)); err != nil {
				return err
			}
		}
		return nil
	})
	return parts.Wait()
}

// batch returns c and what comes right behind it.
func batch(c work.Datachunk, chunks <-chan work.Datachunk) []work.Datachunk {
	all, size := []work.Datachunk{c}, len(c.Output)
	for len(all) < maxChunks && size < chunkBytes {
		select {
		case c, more := <-chunks:
			if !more {
				return all
			}
			all = append(all, c)
			size += len(c.Output)
		default:
			return all
		}
	}
	return all
}

func (f *feeder) put(ctx context.Context, chunks []work.Datachunk) error {
	if err := f.putCounted(ctx, chunks); err != nil {
		return err
	}
	for _, c := range chunks {
		f.metrics.chunks.WithLabelValues(c.State.String()).Inc()
	}
	return f.acknowledge(ctx, chunks[len(chunks)-1].Seq+1)
}

func (f *feeder) putCounted(ctx context.Context, chunks []work.Datachunk) error {
	f.counting.Lock()
	defer f.counting.Unlock()
	err := f.step(ctx, "put", func(ctx context.Context) error { return f.Store.Put(ctx, chunks) })
	if err != nil {
		return err
	}
	if f.claimed.Add(-int64(len(chunks))) < 0 {
		f.claimed.Store(0) // some were added by others
	}
	return nil
}

func (f *feeder) acknowledge(ctx context.Context, next uint64) error {
	return f.hive(ctx, "acknowledge", func(ctx context.Context) error {
		return f.Hive.Acknowledge(ctx, f.Project, Consumer, next)
	})
}
