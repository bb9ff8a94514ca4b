package hive

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/work"
)

// Cancel ends a project for good. What has ended keeps its datachunk, units that
// bees were at get one that says so, and results that come are late. Units that
// nobody has begun vanish. It goes on without ctx once the project is cancelled, and called
// again it does what an error left.
func (h *Hive) Cancel(ctx context.Context, name string) error {
	err := h.do(ctx, 512, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
		}
		if p.row.State == Cancelled {
			return nil
		}
		if p.row.State > Paused {
			return fmt.Errorf("project %s is %s", name, p.row.State)
		}
		p.row.State, p.row.Sealed = Cancelled, true
		t.projects[p] = true
		t.note(Event{Kind: ProjectCancelled, Project: name})
		t.after = append(t.after, t.chunks.raise)
		return nil
	})
	ctx = context.WithoutCancel(ctx)
	for more := true; more && err == nil; {
		more, err = ask(ctx, h, maxBatchBytes, func(t *turn) (bool, error) { return t.drop(name) })
	}
	return err
}

// finishCancels ends what a killed process had begun.
func (h *Hive) finishCancels(ctx context.Context) error {
	for name, p := range h.names {
		for more := p.row.State == Cancelled; more && ctx.Err() == nil; {
			o := &op{done: make(chan error, 1)}
			o.run = func(t *turn) (err error) {
				more, err = t.drop(name)
				return err
			}
			if err := h.commit([]*op{o}); err != nil {
				return err
			}
			if err := <-o.done; err != nil {
				h.log.Warn("cancelled project is not cleared", "project", name, "err", err)
				break
			}
		}
	}
	return nil
}

// drop removes units of a cancelled project, and reports whether more are left.
func (t *turn) drop(name string) (more bool, err error) {
	p, err := t.named(name)
	if err != nil {
		return false, err
	}
	n := 0
	for _, g := range p.open {
		if n++; n > maxBatch {
			return true, nil
		}
		g.State = work.Cancelled
		t.close(g, work.Decision{})
	}
	var keys [][]byte
	it := t.txn.NewIterator(badger.IteratorOptions{Prefix: inProject(rowUnit, p.id)})
	for it.Rewind(); it.Valid() && len(keys) < maxBatch; it.Next() {
		keys = append(keys, it.Item().KeyCopy(nil))
	}
	it.Close()
	for _, key := range keys {
		t.del(key)
	}
	t.after = append(t.after, t.chunks.raise)
	return len(keys) > 0, nil
}

// CancelUnit ends one unit, whose datachunk says so.
func (h *Hive) CancelUnit(ctx context.Context, name string, seq uint64) error {
	return h.do(ctx, 4*unitRow, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
		}
		if g := p.open[seq]; g != nil {
			g.State = work.Cancelled
			t.close(g, work.Decision{})
			return nil
		}
		for priority := range uint8(work.MaxPriority + 1) {
			var u work.Unit
			key := unitKey(p.id, priority, seq)
			if !t.get(key, &u) {
				continue
			}
			t.del(key)
			l := &p.lanes[priority]
			for i := range l.ahead {
				if l.ahead[i].seq == seq {
					l.ahead = append(l.ahead[:i:i], l.ahead[i+1:]...)
					break
				}
			}
			t.end(p, work.Datachunk{Seq: seq, Key: u.Key, State: work.Cancelled, Finished: t.now})
			return nil
		}
		return fmt.Errorf("unit %d of project %s: %w", seq, name, work.ErrDatabaseNotFound)
	})
}
