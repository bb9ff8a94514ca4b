package table

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/batchain/batchain/work"
)

// row is one row that is, or is to be, a unit.
type row struct {
	place    string // names it in this database
	key      sql.NullString
	size     sql.NullInt64
	input    []byte // nil when it is too long
	priority int64
}

// read returns the rows that a query finds.
func read(ctx context.Context, tx *sql.Tx, query string, args ...any) ([]row, error) {
	found, err := tx.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []row
	for found.Next() {
		var r row
		if err := found.Scan(&r.place, &r.key, &r.size, &r.input, &r.priority); err != nil {
			return nil, err
		}
		rows = append(rows, r)
	}
	return rows, found.Err()
}

// unit returns the unit that the row is, or why it is none.
func (r *row) unit() (u work.Unit, reason string) {
	switch {
	case !r.key.Valid || r.key.String == "" || !utf8.ValidString(r.key.String):
		return u, fmt.Sprintf("the id is no number and no text of 1 to %d bytes", work.MaxKey)
	case !r.size.Valid:
		return u, "the input is NULL"
	case r.size.Int64 > work.MaxInput:
		return u, fmt.Sprintf("the input has %d bytes, at most %d are allowed", r.size.Int64, work.MaxInput)
	case !utf8.Valid(r.input) || !json.Valid(r.input):
		return u, "the input is no JSON"
	}
	return work.Unit{Key: r.key.String, Input: r.input, Priority: uint8(max(0, min(r.priority, work.MaxPriority)))}, ""
}
