package table

import (
	"context"
	"database/sql"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// Table is the store of a project in a table. Its methods may be called
// concurrently.
type Table struct {
	config  Config
	dialect dialect
	db      *sql.DB
	log     *slog.Logger

	mu    sync.Mutex
	ready *statements     // nil until the table was looked at
	stuck map[string]bool // rows that cannot be claimed, by place
}

// Open returns the table of a configuration. It connects to nothing: that comes
// with the first call, and with [Table.Check]. The table needs to be closed.
func Open(c Config) (*Table, error) {
	if err := c.Validate(); err != nil {
		return nil, err
	}
	t := &Table{config: c.withDefaults(), stuck: map[string]bool{}}
	t.log = t.config.Logger.With("table", c.Table)
	var err error
	if c.Driver == Postgres {
		t.dialect = postgres{}
		t.db, err = openPostgres(c.DSN)
	} else {
		t.dialect = lite{}
		t.db, err = openSQLite(c.DSN)
	}
	if err != nil {
		return nil, fmt.Errorf("open table %s: %w", c.Table, err)
	}
	t.db.SetMaxOpenConns(4)
	return t, nil
}

// Close closes the connections to the database.
func (t *Table) Close() error { return t.db.Close() }

// Check reports whether the table is there and as it must be: [ErrMisfit],
// wrapped, says what is wrong. It makes the table of cursors.
func (t *Table) Check(ctx context.Context) error {
	_, err := t.statements(ctx)
	return err
}

// statements looks at the table when that has not been done.
func (t *Table) statements(ctx context.Context) (*statements, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.ready != nil {
		return t.ready, nil
	}
	l, err := t.dialect.look(ctx, t.db, &t.config)
	if err == nil {
		err = t.fits(l)
	}
	if err == nil && !l.cursors {
		err = t.makeCursors(ctx)
	}
	if err != nil {
		return nil, fmt.Errorf("table %s: %w", t.config.Table, err)
	}
	t.ready = newStatements(&t.config, t.dialect.expressions(&t.config, l))
	return t.ready, nil
}

// makeCursors makes the table of cursors. When others make it at the same moment,
// PostgreSQL has all but one fail although it is told to look; for the next try it
// is there.
func (t *Table) makeCursors(ctx context.Context) (err error) {
	for range 3 {
		_, err = t.db.ExecContext(ctx, `CREATE TABLE IF NOT EXISTS `+t.config.cursors()+` (owner text PRIMARY KEY, next bigint NOT NULL)`)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	return err
}

// fits says what a table lacks.
func (t *Table) fits(l layout) error {
	if len(l.types) == 0 {
		return fmt.Errorf("%w: there is none of that name. This makes one:\n%s", ErrMisfit, t.config.Schema())
	}
	var missing []string
	for _, name := range t.config.ours() {
		if _, there := l.types[name]; !there {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return fmt.Errorf("%w: it has no column %s", ErrMisfit, strings.Join(missing, ", "))
	}
	if !l.unique {
		return fmt.Errorf("%w: column %s is not unique, may be NULL, or has no type", ErrMisfit, t.config.Columns.ID)
	}
	return nil
}

// inTransaction does something wholly, or not at all.
func (t *Table) inTransaction(ctx context.Context, do func(*sql.Tx, *statements) error) error {
	s, err := t.statements(ctx)
	if err != nil {
		return err
	}
	tx, err := t.db.BeginTx(ctx, nil)
	if err != nil {
		return fmt.Errorf("table %s: %w", t.config.Table, err)
	}
	defer tx.Rollback() // after Commit it does nothing
	if err := do(tx, s); err != nil {
		return fmt.Errorf("table %s: %w", t.config.Table, err)
	}
	if err := tx.Commit(); err != nil {
		return fmt.Errorf("table %s: commit: %w", t.config.Table, err)
	}
	return nil
}
