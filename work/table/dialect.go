package table

import (
	"context"
	"database/sql"
	"errors"
	"strings"

	"github.com/batchain/batchain/work"
)

// dialect is what databases do differently.
type dialect interface {
	// look finds the table and what its columns are. It returns [ErrMisfit],
	// wrapped, when it cannot be used.
	look(ctx context.Context, db *sql.DB, c *Config) (layout, error)
	// expressions returns the parts of statements; see there.
	expressions(c *Config, l layout) expressions
	// objects reports whether the database objects to what it was to write, and
	// not to writing.
	objects(err error) bool
}

// ErrMisfit means that a table is not there, or is not as it must be.
var ErrMisfit = errors.New("the table does not fit")

// layout is what is known of a table.
type layout struct {
	types   map[string]string // of its columns, in small letters
	unique  bool              // the id is, and is never NULL where that matters
	rowid   string            // SQLite: a name of the row's number that no column has taken
	cursors bool              // the table of cursors is there
}

// expressions are the parts of statements that databases write differently.
type expressions struct {
	place   string // names a row in WHERE place = …; ordered
	asText  string // the same as a text
	key     string // the unit's key; NULL where the id can be none
	size    string // bytes of the input
	input   string // the input, as text or bytes
	rank    string // the priority, or 0
	order   string // what ORDER BY begins with: the priority, where there is one
	locking string // for rows that are read to be claimed
	lock    string // for the cursor
	bytes   bool   // outputs are bytes, not text
	marks   bool   // parameters are "?", not "$1"
}

// statements are those of one table. Their parameters stand in the order of
// their numbers, each once.
type statements struct {
	fresh, mine, mineAfter string
	claim, fail            string
	left                   string
	put, finish            string
	begin, next, move      string
	bytes                  bool
}

func newStatements(c *Config, e expressions) *statements {
	n := c.Columns
	fill := strings.NewReplacer(
		"{table}", c.quoted(), "{cursors}", c.cursors(), "{id}", quote(n.ID), "{state}", quote(n.State), "{output}", quote(n.Output),
		"{reason}", quote(n.Reason), "{owner}", quote(n.Owner), "{seq}", quote(n.Seq),
		"{place}", e.place, "{order}", e.order, "{locking}", e.locking, "{lock}", e.lock,
		"{row}", e.asText+", "+e.key+", "+e.size+", "+e.input+", "+e.rank,
	).Replace
	write := func(text string) string {
		if e.marks { // first: names may hold anything
			text = parameters.Replace(text)
		}
		return fill(text)
	}
	return &statements{
		fresh:     write(`SELECT {row} FROM {table} WHERE {state} IS NULL ORDER BY {order}{place} LIMIT $1 {locking}`),
		mine:      write(`SELECT {row} FROM {table} WHERE {owner} = $1 AND {state} = 'claimed' ORDER BY {place} LIMIT $2`),
		mineAfter: write(`SELECT {row} FROM {table} WHERE {owner} = $1 AND {state} = 'claimed' AND {place} > $2 ORDER BY {place} LIMIT $3`),
		claim:     write(`UPDATE {table} SET {state} = 'claimed', {owner} = $1 WHERE {place} = $2`),
		fail:      write(`UPDATE {table} SET {state} = 'failed', {owner} = $1, {reason} = $2 WHERE {place} = $3`),
		left:      write(`SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {state} IS NULL LIMIT $1) AS fresh`),
		put:       write(`UPDATE {table} SET {state} = $1, {output} = $2, {reason} = $3, {seq} = $4 WHERE {id} = $5 AND {owner} = $6 AND {state} = 'claimed'`),
		finish:    write(`UPDATE {table} SET {state} = 'cancelled', {reason} = $1 WHERE {owner} = $2 AND {state} = 'claimed'`),
		begin:     write(`INSERT INTO {cursors} (owner, next) VALUES ($1, 0) ON CONFLICT DO NOTHING`),
		next:      write(`SELECT next FROM {cursors} WHERE owner = $1 {lock}`),
		move:      write(`UPDATE {cursors} SET next = $1 WHERE owner = $2`),
		bytes:     e.bytes,
	}
}

// parameters turns those of PostgreSQL into those of SQLite.
var parameters = strings.NewReplacer("$1", "?", "$2", "?", "$3", "?", "$4", "?", "$5", "?", "$6", "?")

// state returns the word for what came of a unit.
func state(s work.GroupState) string {
	switch s {
	case work.Valid:
		return "done"
	case work.Cancelled:
		return "cancelled"
	}
	return "failed"
}
