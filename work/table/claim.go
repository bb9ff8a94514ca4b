package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io"
	"iter"

	"github.com/batchain/batchain/work"
)

// Rows are looked at in pages of this many.
const pageRows = 256

// maxStuck is how many rows that cannot be claimed are passed over.
const maxStuck = 1000

// objection is what the database has against claiming one row.
type objection struct {
	place string
	error
}

func (o *objection) Unwrap() error { return o.error }

// Claim implements the store of package work/feed.
func (t *Table) Claim(ctx context.Context, n int) ([]work.Unit, error) {
	for {
		units, err := t.claim(ctx, n)
		var o *objection
		if !errors.As(err, &o) || !t.dialect.objects(o.error) || t.isStuck(o.place) {
			return units, err
		}
		if err := t.passOver(ctx, o); err != nil {
			return nil, err
		}
	}
}

func (t *Table) claim(ctx context.Context, n int) (units []work.Unit, err error) {
	found := 0
	err = t.inTransaction(ctx, func(tx *sql.Tx, s *statements) error {
		rows, err := read(ctx, tx, s.fresh, n+t.stuckRows())
		if err != nil {
			return err
		}
		for _, r := range rows {
			if t.isStuck(r.place) {
				continue
			}
			found++
			u, reason := r.unit()
			if err := t.mark(ctx, tx, s, &r, reason); err != nil {
				return &objection{r.place, err}
			}
			if reason == "" {
				units = append(units, u)
			}
		}
		if found == 0 {
			return t.ending(ctx, tx, s)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return units, nil
}

// mark claims a row, or fails it for a reason.
func (t *Table) mark(ctx context.Context, tx *sql.Tx, s *statements, r *row, reason string) (err error) {
	if reason == "" {
		_, err = tx.ExecContext(ctx, s.claim, t.config.Owner, r.place)
	} else {
		t.log.WarnContext(ctx, "Row is no unit", "id", r.key.String, "reason", reason)
		_, err = tx.ExecContext(ctx, s.fail, t.config.Owner, reason, r.place)
	}
	return err
}

// ending says whether there is nothing left, or only what others have locked.
func (t *Table) ending(ctx context.Context, tx *sql.Tx, s *statements) error {
	fresh, stuck := 0, t.stuckRows()
	if err := tx.QueryRowContext(ctx, s.left, stuck+1).Scan(&fresh); err != nil {
		return err
	}
	if fresh > stuck {
		return work.ErrNoWork
	}
	return io.EOF
}

func (t *Table) stuckRows() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.stuck)
}

func (t *Table) isStuck(place string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stuck[place]
}

// passOver remembers a row that cannot be claimed.
func (t *Table) passOver(ctx context.Context, o *objection) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.stuck) >= maxStuck {
		return fmt.Errorf("more than %d rows cannot be claimed, the last because of %w", maxStuck, o.error)
	}
	t.stuck[o.place] = true
	t.log.WarnContext(ctx, "Row cannot be claimed, and is passed over", "row", o.place, "err", o.error)
	return nil
}

// Claimed implements the store of package work/feed.
func (t *Table) Claimed(ctx context.Context) iter.Seq2[work.Unit, error] {
	return func(yield func(work.Unit, error) bool) {
		for after := ""; ; {
			var rows []row
			err := t.inTransaction(ctx, func(tx *sql.Tx, s *statements) (err error) {
				if after == "" {
					rows, err = read(ctx, tx, s.mine, t.config.Owner, pageRows)
				} else {
					rows, err = read(ctx, tx, s.mineAfter, t.config.Owner, after, pageRows)
				}
				return err
			})
			if err != nil {
				yield(work.Unit{}, err)
				return
			}
			for _, r := range rows {
				after = r.place
				u, reason := r.unit()
				if reason != "" { // it was changed since: the hive has it as it was
					t.log.WarnContext(ctx, "Claimed row is no unit any more", "id", r.key.String, "reason", reason)
					continue
				}
				if !yield(u, nil) {
					return
				}
			}
			if len(rows) < pageRows {
				return
			}
		}
	}
}
