package table

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"
	"strings"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/batchain/batchain/work"
)

// openSQLite opens a file that must be there: a name that is mistyped makes no
// new database. What is committed is on the disk.
func openSQLite(path string) (*sql.DB, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	path = filepath.ToSlash(path)
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // of Windows: file:///C:/…
	}
	options := url.Values{"mode": {"rw"}, "_txlock": {"immediate"}, "_pragma": {"busy_timeout(10000)", "synchronous(extra)"}}
	return sql.Open("sqlite", (&url.URL{Scheme: "file", Path: path, RawQuery: options.Encode()}).String())
}

type lite struct{}

func (lite) look(ctx context.Context, db *sql.DB, c *Config) (layout, error) {
	l := layout{types: map[string]string{}}
	var ordinary bool
	err := db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM pragma_table_list WHERE name = ? COLLATE NOCASE AND schema = 'main' AND type = 'table' AND NOT wr`, c.Table).Scan(&ordinary)
	if err != nil || !ordinary {
		return l, err
	}
	rows, err := db.QueryContext(ctx, `SELECT name, lower(type), pk FROM pragma_table_info(?)`, c.Table)
	if err != nil {
		return l, err
	}
	defer rows.Close()
	keys, isKey, typed := 0, false, false
	for rows.Next() {
		var name, kind string
		var key int
		if err := rows.Scan(&name, &kind, &key); err != nil {
			return l, err
		}
		l.types[name] = kind
		keys += min(key, 1)
		isKey = isKey || (key > 0 && name == c.Columns.ID)
		typed = typed || (name == c.Columns.ID && kind != "" && !strings.Contains(kind, "blob"))
	}
	if err := rows.Err(); err != nil {
		return l, err
	}
	var indexed bool
	err = db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM pragma_index_list(?) AS l WHERE l."unique" AND NOT l.partial
		AND (SELECT group_concat(i.name) FROM pragma_index_info(l.name) AS i) = ?`, c.Table, c.Columns.ID).Scan(&indexed)
	if err != nil {
		return l, err
	}
	l.unique = typed && (indexed || (isKey && keys == 1)) // without a type 1 and '1' are two ids
	if l.rowid = rowid(l.types); l.rowid == "" {
		return l, fmt.Errorf("%w: columns have all names of the row's number", ErrMisfit)
	}
	return l, db.QueryRowContext(ctx, `SELECT count(*) > 0 FROM sqlite_master WHERE type = 'table' AND name = 'batchain_cursors'`).Scan(&l.cursors)
}

// rowid returns a name of the row's number that no column has.
func rowid(columns map[string]string) string {
	for _, name := range []string{"rowid", "_rowid_", "oid"} {
		taken := false
		for column := range columns {
			taken = taken || strings.EqualFold(column, name)
		}
		if !taken {
			return name
		}
	}
	return ""
}

func (lite) expressions(c *Config, l layout) expressions {
	n := c.Columns
	id, input, rank := quote(n.ID), "CAST("+quote(n.Input)+" AS BLOB)", "0"
	order := ""
	if n.Priority != "" {
		rank = "COALESCE(CAST(" + quote(n.Priority) + " AS INTEGER), 0)"
		order = rank + " DESC, "
	}
	return expressions{
		place: l.rowid, asText: "CAST(" + l.rowid + " AS TEXT)",
		key:  fmt.Sprintf("CASE WHEN typeof(%[1]s) IN ('integer', 'text') AND length(CAST(%[1]s AS BLOB)) <= %[2]d THEN CAST(%[1]s AS TEXT) END", id, work.MaxKey),
		size: "length(" + input + ")", input: fmt.Sprintf("CASE WHEN length(%[1]s) <= %[2]d THEN %[1]s END", input, work.MaxInput),
		rank: rank, order: order, bytes: l.types[n.Output] == "" || strings.Contains(l.types[n.Output], "blob"), marks: true,
	}
}

// objects knows the errors that are about the data; those of triggers are
// constraints.
func (lite) objects(err error) bool {
	var e *sqlite.Error
	return errors.As(err, &e) && slices.Contains([]int{sqlite3.SQLITE_TOOBIG, sqlite3.SQLITE_CONSTRAINT, sqlite3.SQLITE_MISMATCH}, e.Code()&0xff)
}
