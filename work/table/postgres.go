package table

import (
	"cmp"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/batchain/batchain/work"
)

// connectTime bounds connecting, where the address does not.
const connectTime = 10 * time.Second

func openPostgres(dsn string) (*sql.DB, error) {
	config, err := pgx.ParseConfig(dsn)
	if err != nil {
		return nil, err
	}
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTime)
	return stdlib.OpenDB(*config), nil
}

type postgres struct{}

const postgresColumns = `
SELECT a.attname, format_type(a.atttypid, NULL), a.attnotnull AND EXISTS (
  SELECT FROM pg_index i WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indisvalid AND i.indpred IS NULL
    AND array_length(i.indkey::int2[], 1) = 1 AND i.indkey[0] = a.attnum)
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.oid = to_regclass($1) AND c.relkind IN ('r', 'p') AND a.attnum > 0 AND NOT a.attisdropped`

func (postgres) look(ctx context.Context, db *sql.DB, c *Config) (layout, error) {
	l := layout{types: map[string]string{}}
	rows, err := db.QueryContext(ctx, postgresColumns, c.quoted())
	if err != nil {
		return l, err
	}
	defer rows.Close()
	for rows.Next() {
		var name, kind string
		var unique bool
		if err := rows.Scan(&name, &kind, &unique); err != nil {
			return l, err
		}
		l.types[name] = kind
		l.unique = l.unique || (unique && name == c.Columns.ID)
	}
	if err := rows.Err(); err != nil {
		return l, err
	}
	if kind := l.types[c.Columns.Priority]; kind != "" && !slices.Contains([]string{"smallint", "integer", "bigint"}, kind) {
		return l, fmt.Errorf("%w: priorities are whole numbers, column %s is %s", ErrMisfit, c.Columns.Priority, kind)
	}
	return l, db.QueryRowContext(ctx, `SELECT to_regclass($1) IS NOT NULL`, c.cursors()).Scan(&l.cursors)
}

func (postgres) expressions(c *Config, l layout) expressions {
	n := c.Columns
	id, input, rank := quote(n.ID), quote(n.Input), "0::bigint"
	order := ""
	if l.types[n.Input] != "bytea" {
		input += "::text"
	}
	if n.Priority != "" {
		rank = "COALESCE(" + quote(n.Priority) + ", 0)::bigint"
		order = rank + " DESC, "
	}
	return expressions{
		place: id, asText: id + "::text",
		key:  fmt.Sprintf("CASE WHEN octet_length(%[1]s::text) <= %[2]d THEN %[1]s::text END", id, work.MaxKey),
		size: "octet_length(" + input + ")", input: fmt.Sprintf("CASE WHEN octet_length(%[1]s) <= %[2]d THEN %[1]s END", input, work.MaxInput),
		rank: rank, order: order, locking: "FOR UPDATE SKIP LOCKED", lock: "FOR UPDATE", bytes: l.types[n.Output] == "bytea",
	}
}

// objects knows the classes of errors that are about the data: exceptions of data,
// constraints, limits, checks of views, errors that triggers raise; and a type that does not match.
func (postgres) objects(err error) bool {
	var e *pgconn.PgError
	if !errors.As(err, &e) || len(e.Code) != 5 {
		return false
	}
	return slices.Contains([]string{"22", "23", "44", "54", "P0"}, e.Code[:2]) || e.Code == "42804"
}
