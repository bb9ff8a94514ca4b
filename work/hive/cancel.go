package hive

import (
	"context"
	"fmt"

	"github.com/batchain/batchain/work"
)

// Cancel ends a project for good. What has ended keeps its datachunk; of what
// has not there will be none, and results that come are late.
func (h *Hive) Cancel(ctx context.Context, name string) error {
	err := h.do(ctx, 512, func(t *turn) error {
		p, err := t.named(name)
		if err != nil {
			return err
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
	for more := true; more && err == nil; {
		more, err = ask(ctx, h, maxBatchBytes, func(t *turn) (bool, error) { return t.dropOpen(name) })
	}
	return err
}

// dropOpen cancels open groups of a cancelled project, and reports whether more
// are left.
func (t *turn) dropOpen(name string) (more bool, err error) {
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
	return false, nil
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
