package table

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/batchain/batchain/work"
)

// maxReason bounds what is written of a reason, in bytes.
const maxReason = 1 << 10

// Cursor implements the store of package work/feed.
func (t *Table) Cursor(ctx context.Context) (next uint64, err error) {
	err = t.inTransaction(ctx, func(tx *sql.Tx, s *statements) (err error) {
		next, err = t.cursor(ctx, tx, s)
		return err
	})
	return next, err
}

// cursor reads the cursor and locks it, in a transaction.
func (t *Table) cursor(ctx context.Context, tx *sql.Tx, s *statements) (next uint64, err error) {
	if _, err := tx.ExecContext(ctx, s.begin, t.config.Owner); err != nil {
		return 0, err
	}
	err = tx.QueryRowContext(ctx, s.next, t.config.Owner).Scan(&next)
	return next, err
}

// Put implements the store of package work/feed. What the database objects to
// does not keep back the rest.
func (t *Table) Put(ctx context.Context, chunks []work.Datachunk) error {
	err := t.put(ctx, chunks...)
	if !t.dialect.objects(err) {
		return err
	}
	for _, c := range chunks { // one by one, to see which it is
		err := t.put(ctx, c)
		if t.dialect.objects(err) {
			t.log.WarnContext(ctx, "Datachunk is refused", "id", c.Key, "err", err)
			c.State, c.Output, c.Reason = work.Failed, nil, fmt.Sprintf("what came of it stays in the hive: %v", err)
			err = t.put(ctx, c)
		}
		if t.dialect.objects(err) {
			t.log.WarnContext(ctx, "Row cannot be told what came of it", "id", c.Key, "seq", c.Seq, "err", err)
			err = t.put(ctx, work.Datachunk{Seq: c.Seq})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// put writes datachunks and the cursor in one transaction. One without a key
// only moves the cursor.
func (t *Table) put(ctx context.Context, chunks ...work.Datachunk) error {
	return t.inTransaction(ctx, func(tx *sql.Tx, s *statements) error {
		next, err := t.cursor(ctx, tx, s)
		if err != nil {
			return err
		}
		for _, c := range chunks {
			if c.Seq < next {
				continue
			}
			next = c.Seq + 1
			if c.Key == "" {
				continue
			}
			if err := t.write(ctx, tx, s, &c); err != nil {
				return err
			}
		}
		_, err = tx.ExecContext(ctx, s.move, next, t.config.Owner)
		return err
	})
}

func (t *Table) write(ctx context.Context, tx *sql.Tx, s *statements, c *work.Datachunk) error {
	var output, reason any
	switch {
	case c.State != work.Valid:
		reason = readable(c.Reason)
	case s.bytes:
		output = c.Output
	default:
		output = string(c.Output)
	}
	result, err := tx.ExecContext(ctx, s.put, state(c.State), output, reason, c.Seq, c.Key, t.config.Owner)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err == nil && n == 0 {
		t.log.WarnContext(ctx, "Row of a datachunk is gone, or was changed", "id", c.Key, "seq", c.Seq)
	}
	return nil
}

// readable returns a text that every database takes.
func readable(s string) string {
	s = strings.ReplaceAll(strings.ToValidUTF8(s, "?"), "\x00", "?")
	for len(s) > maxReason {
		_, last := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-last]
	}
	return s
}

// Finish implements the store of package work/feed.
func (t *Table) Finish(ctx context.Context) error {
	return t.inTransaction(ctx, func(tx *sql.Tx, s *statements) error {
		_, err := tx.ExecContext(ctx, s.finish, "the project is over", t.config.Owner)
		return err
	})
}
