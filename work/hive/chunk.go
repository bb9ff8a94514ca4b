package hive

import (
	"context"
	"fmt"
	"io"
	"iter"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// Bounds of what is read of the datachunks at one time.
const (
	chunksAtOnce = 256
	chunkBytes   = 4 << 20
)

// Datachunks returns what came of the units of a project, in their order,
// from unit from on. It waits for those that are not there, and ends when
// the project has; the error is nil then, or says why it broke off. What it
// returned stays: any consumer may read it again. Of a cancelled project it
// leaves out the units that nobody had begun.
func (h *Hive) Datachunks(ctx context.Context, name string, from uint64) iter.Seq2[work.Datachunk, error] {
	return func(yield func(work.Datachunk, error) bool) {
		for {
			changed := h.chunks.wait()
			page, err := h.Page(ctx, name, from)
			if err == io.EOF {
				return
			}
			if err == nil && len(page) == 0 {
				err = h.pause(ctx, changed)
			}
			if err != nil {
				yield(work.Datachunk{}, err)
				return
			}
			for _, c := range page {
				if !yield(c, nil) {
					return
				}
				from = c.Seq + 1
			}
		}
	}
}

// Page returns the next datachunks that are there, in their order, and does not
// wait: none when the one of unit from is not. It returns io.EOF after the last
// one of a project that has ended.
func (h *Hive) Page(ctx context.Context, name string, from uint64) (page []work.Datachunk, err error) {
	type standing struct {
		id         uint32
		last, gaps bool
	}
	at, err := ask(ctx, h, 0, func(t *turn) (standing, error) {
		p, err := t.named(name)
		if err != nil {
			return standing{}, err
		}
		return standing{p.id, p.row.State > Paused && from >= p.row.Made, p.row.State == Cancelled && len(p.open) == 0}, nil
	})
	if err != nil {
		return nil, err
	}
	if at.last {
		return nil, io.EOF
	}
	err = h.view(func(txn *badger.Txn) error {
		page, err = readChunks(txn, at.id, from, at.gaps)
		return err
	})
	if err == nil && at.gaps && len(page) == 0 {
		err = io.EOF
	}
	return page, err
}

// readChunks reads up to the first gap, or over all of them.
func readChunks(txn *badger.Txn, id uint32, from uint64, gaps bool) (page []work.Datachunk, err error) {
	prefix := inProject(rowChunk, id)
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 64})
	defer it.Close()
	size := 0
	for it.Seek(seqKey(rowChunk, id, from)); it.Valid() && len(page) < chunksAtOnce && size < chunkBytes; it.Next() {
		seq := number(it.Item().Key())
		if seq != from && !gaps {
			break
		}
		var c work.Datachunk
		if err := it.Item().Value(func(row []byte) error { return decodeRow(row, &c) }); err != nil {
			return nil, fmt.Errorf("datachunk %d: %w", seq, err)
		}
		page = append(page, c)
		size += len(c.Output)
		from = seq + 1
	}
	return page, nil
}

// Acknowledge notes that a consumer, "" or a name of its own, needs no datachunk
// before next again. It never goes back, and not beyond the units that there are:
// [work.ErrNotMade].
func (h *Hive) Acknowledge(ctx context.Context, name, consumer string, next uint64) error {
	if len(consumer) > work.MaxName {
		return wire.ErrTooBig.With("a consumer's name has at most %d bytes", work.MaxName)
	}
	return h.do(ctx, 128, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
		}
		if next > p.row.Made {
			return fmt.Errorf("acknowledge datachunk %d of project %s, which has %d units: %w", next, name, p.row.Made, work.ErrNotMade)
		}
		key := namedKey(rowCursor, p.id, consumer)
		var had uint64
		if !t.get(key, &had) && consumer != "" && t.cursors(p) >= maxCursors {
			return wire.ErrQuota.With("a project has at most %d consumers", maxCursors)
		}
		if next > had {
			t.put(key, next)
		}
		return nil
	})
}

func (t *turn) cursors(p *project) (n int) {
	t.fail([]byte{rowCursor}, each(t.txn, inProject(rowCursor, p.id), func(_, _ []byte) error {
		n++
		return nil
	}))
	return n
}

// Cursor returns the first datachunk that a consumer has not acknowledged.
func (h *Hive) Cursor(ctx context.Context, name, consumer string) (uint64, error) {
	return ask(ctx, h, 0, func(t *turn) (next uint64, err error) {
		p, err := t.named(name)
		if err != nil {
			return 0, err
		}
		t.get(namedKey(rowCursor, p.id, consumer), &next)
		return next, nil
	})
}
