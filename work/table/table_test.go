package table

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/feed/feedtest"
)

func TestMain(m *testing.M) {
	feedtest.Main(m, func(where string) (feedtest.Store, error) {
		var c Config
		if err := json.Unmarshal([]byte(where), &c); err != nil {
			return nil, err
		}
		return Open(c)
	})
}

// testConfig has names that would do harm if they were not quoted.
func testConfig(driver, dsn string) Config {
	return Config{
		Driver: driver, DSN: dsn, Table: `jobs"; DROP TABLE x; --`, Owner: "hive 'one'/squares",
		Columns: Columns{ID: "name", Input: "select", Priority: `rowid "$1"`, State: "{state}", Output: "?", Reason: "why not"},
	}
}

// at is a table of a database, seen by another program.
type at struct {
	config Config
	db     *sql.DB
}

// makeTable makes the table with an id and values of types, and a log of what
// became done.
func makeTable(t *testing.T, config Config, idType, valueType string) *at {
	t.Helper()
	table, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { table.Close() })
	schema := config.Schema()
	first := strings.Index(schema, quote(config.withDefaults().Columns.ID)) + len(quote(config.withDefaults().Columns.ID)) + 1
	schema = schema[:first] + idType + " PRIMARY KEY" + schema[first+strings.Index(schema[first:], ","):]
	for _, column := range []string{config.withDefaults().Columns.Input, config.withDefaults().Columns.Output} {
		schema = strings.Replace(schema, quote(column)+" text", quote(column)+" "+valueType, 1)
	}
	if _, err := table.db.Exec(schema); err != nil {
		t.Fatal(err)
	}
	return &at{config.withDefaults(), table.db}
}

func (p *at) exec(t *testing.T, query string, args ...any) {
	t.Helper()
	if _, err := p.db.ExecContext(context.Background(), p.marks(query), args...); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
}

// marks fills names in, and writes parameters as the database has them.
func (p *at) marks(query string) string {
	n := p.config.Columns
	if p.config.Driver == SQLite {
		query = parameters.Replace(query)
	}
	return strings.NewReplacer("TABLE_", p.config.quoted(), "ID_", quote(n.ID), "INPUT_", quote(n.Input), "STATE_", quote(n.State),
		"OUTPUT_", quote(n.Output), "REASON_", quote(n.Reason), "OWNER_", quote(n.Owner), "SEQ_", quote(n.Seq), "PRIORITY_", quote(n.Priority)).Replace(query)
}

// Open opens the table as a node does.
func (p *at) Open(t *testing.T) feedtest.Store {
	t.Helper()
	table, err := Open(p.config)
	if err != nil {
		t.Fatal(err)
	}
	return table
}

// Insert adds a row.
func (p *at) Insert(t *testing.T, name, input string) {
	t.Helper()
	p.exec(t, `INSERT INTO TABLE_ (ID_, INPUT_) VALUES ($1, $2)`, name, []byte(input))
}

// Outcome reads a row.
func (p *at) Outcome(t *testing.T, name string) (string, string) {
	t.Helper()
	var state, reason, output sql.NullString
	query := p.marks(`SELECT STATE_, REASON_, OUTPUT_ FROM TABLE_ WHERE ID_ = $1`)
	if err := p.db.QueryRowContext(context.Background(), query, name).Scan(&state, &reason, &output); err != nil {
		t.Fatal(err)
	}
	if state.String == "claimed" {
		return "", ""
	}
	return state.String, reason.String + output.String
}

func liteFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "a%20b?c=d#.db")
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func onLite(t *testing.T) feedtest.Place {
	return makeTable(t, testConfig(SQLite, liteFile(t)), "text", "blob")
}

func TestSQLite(t *testing.T) { feedtest.Check(t, onLite) }

func TestSQLiteKilled(t *testing.T) {
	p := makeTable(t, testConfig(SQLite, liteFile(t)), "text", "blob")
	checkKilled(t, p, nil)
}

// checkKilled counts how often each row became done, besides.
func checkKilled(t *testing.T, p *at, meanwhile func()) {
	t.Helper()
	c := p.config
	c.Logger = nil
	where, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	count, kills := 1000, 15
	if testing.Short() {
		count, kills = 300, 5
	}
	logDone(t, p)
	feedtest.CheckKilled(t, p, string(where), count, kills, meanwhile)
	checkDone(t, p, count)
}

// checkDone: each row got its result once.
func checkDone(t *testing.T, p *at, count int) {
	t.Helper()
	var rows, distinct int
	if err := p.db.QueryRow(`SELECT count(*), count(DISTINCT name) FROM written`).Scan(&rows, &distinct); err != nil {
		t.Fatal(err)
	}
	if rows != count || distinct != count {
		t.Errorf("%d results were written for %d rows of %d", rows, distinct, count)
	}
}

// logDone has the database write down each time that a row gets a result.
func logDone(t *testing.T, p *at) {
	t.Helper()
	p.exec(t, `CREATE TABLE written (name text, seq bigint)`)
	if p.config.Driver == SQLite {
		p.exec(t, `CREATE TRIGGER log AFTER UPDATE OF SEQ_ ON TABLE_ BEGIN INSERT INTO written VALUES (new.ID_, new.SEQ_); END`)
		return
	}
	p.exec(t, `CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN INSERT INTO written VALUES (new.ID_, new.SEQ_); RETURN new; END $f$`)
	p.exec(t, `CREATE TRIGGER log AFTER UPDATE OF SEQ_ ON TABLE_ FOR EACH ROW EXECUTE FUNCTION note()`)
}

// open opens a table and closes it with the test.
func open(t *testing.T, config Config) *Table {
	t.Helper()
	table, err := Open(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { table.Close() })
	return table
}

func claim(t *testing.T, table *Table, n int) []work.Unit {
	t.Helper()
	units, err := table.Claim(t.Context(), n)
	if err != nil {
		t.Fatal(err)
	}
	return units
}

// Ids that are numbers, and the order of priorities.
func testNumbers(t *testing.T, p *at) {
	for id, priority := range []any{nil, 3, 9, 100, -7, 3} {
		p.exec(t, `INSERT INTO TABLE_ (ID_, INPUT_, PRIORITY_) VALUES ($1, $2, $3)`, 1000+id, "[]", priority)
	}
	table := open(t, p.config)
	got := ""
	for _, u := range claim(t, table, 10) {
		got += fmt.Sprintf("%s:%d ", u.Key, u.Priority)
	}
	if want := "1003:9 1002:9 1001:3 1005:3 1000:0 1004:0 "; got != want {
		t.Errorf("claimed %s, want %s", got, want)
	}
	chunks := []work.Datachunk{
		{Seq: 0, Key: "1003", State: work.Valid, Output: []byte(`[1]`)},
		{Seq: 1, Key: "1002", State: work.Failed, Reason: "a zero \x00 byte, and \xff"},
		{Seq: 2, Key: "no number", State: work.Valid, Output: []byte("1")},
		{Seq: 3, Key: "99", State: work.Valid, Output: []byte("1")},
		{Seq: 5, Key: "1001", State: work.Cancelled, Reason: strings.Repeat("ä", maxReason)},
	}
	for range 2 { // the second time nothing is new
		if err := table.Put(t.Context(), chunks); err != nil {
			t.Fatal(err)
		}
		if next, err := table.Cursor(t.Context()); err != nil || next != 6 {
			t.Fatalf("the cursor is at %d, %v", next, err)
		}
	}
	for name, want := range map[string]string{
		"1003": "done [1]", "1002": "failed a zero ? byte, and ?", "1001": "cancelled " + strings.Repeat("ä", maxReason/2), "1005": " ",
	} {
		if state, text := p.Outcome(t, name); state+" "+text != want {
			t.Errorf("row %s is %s %s", name, state, text)
		}
	}
}

func TestSQLiteNumbers(t *testing.T) {
	testNumbers(t, makeTable(t, testConfig(SQLite, liteFile(t)), "integer", "text"))
}

// testObjections: a row that the database does not let be claimed, and an output
// that it does not let be written, hold up nobody.
func testObjections(t *testing.T, p *at) {
	table := open(t, p.config)
	for _, name := range []string{"a", "stone", "b", "c", "wall", "d"} {
		p.Insert(t, name, "1")
	}
	got := map[string]bool{}
	for {
		units, err := table.Claim(t.Context(), 2)
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		for _, u := range units {
			got[u.Key] = true
		}
	}
	if len(got) != 5 || got["stone"] {
		t.Errorf("claimed %v", got)
	}
	err := table.Put(t.Context(), []work.Datachunk{
		{Seq: 0, Key: "a", State: work.Valid, Output: []byte("1")},
		{Seq: 1, Key: "b", State: work.Valid, Output: []byte(`"unlucky"`)},
		{Seq: 2, Key: "c", State: work.Failed, Reason: "forbidden"},
		{Seq: 3, Key: "wall", State: work.Valid, Output: []byte("3")},
		{Seq: 4, Key: "d", State: work.Valid, Output: []byte("4")},
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"a": "done 1", "b": "failed what came of it stays in the hive", "c": "failed what came of it stays in the hive", "d": "done 4", "wall": " ", "stone": " "} {
		if state, text := p.Outcome(t, name); !strings.HasPrefix(state+" "+text, want) {
			t.Errorf("row %s is %s %s", name, state, text)
		}
	}
	if next, err := table.Cursor(t.Context()); err != nil || next != 5 {
		t.Errorf("the cursor is at %d, %v", next, err)
	}
}

func TestSQLiteObjections(t *testing.T) {
	p := makeTable(t, testConfig(SQLite, liteFile(t)), "text", "text")
	p.exec(t, `CREATE TRIGGER stone BEFORE UPDATE ON TABLE_ WHEN new.ID_ = 'stone' OR (new.ID_ = 'wall' AND new.STATE_ <> 'claimed') OR new.OUTPUT_ = '"unlucky"' OR new.REASON_ = 'forbidden'
		BEGIN SELECT RAISE(ABORT, 'not this one'); END`)
	testObjections(t, p)
}

// Ids of SQLite may be anything: what can be no key is told.
func TestSQLiteIDs(t *testing.T) {
	p := makeTable(t, testConfig(SQLite, liteFile(t)), "text", "blob")
	for _, id := range []any{nil, []byte("blob"), strings.Repeat("x", work.MaxKey+1), "\xff", "good", ""} {
		p.exec(t, `INSERT INTO TABLE_ (ID_, INPUT_) VALUES ($1, $2)`, id, "1")
	}
	p.exec(t, `INSERT INTO TABLE_ (ID_) VALUES ($1)`, "null")
	p.exec(t, `INSERT INTO TABLE_ (ID_, INPUT_) VALUES ($1, zeroblob(100000000))`, "huge")
	if units := claim(t, open(t, p.config), 10); len(units) != 1 || units[0].Key != "good" {
		t.Errorf("claimed %v", units)
	}
	var failed int
	if err := p.db.QueryRow(p.marks(`SELECT count(*) FROM TABLE_ WHERE STATE_ = 'failed' AND length(REASON_) > 10`)).Scan(&failed); err != nil || failed != 7 {
		t.Errorf("%d rows are told, %v", failed, err)
	}
}

func TestMisfits(t *testing.T) {
	for name, schema := range map[string]string{
		"nothing":     `CREATE TABLE other (id integer PRIMARY KEY)`,
		"a view":      `CREATE VIEW jobs AS SELECT 1 AS id, 2 AS input, 3 AS state, 4 AS output, 5 AS reason, 6 AS owner, 7 AS seq`,
		"few columns": `CREATE TABLE jobs (id integer PRIMARY KEY, input, state, output)`,
		"no key":      `CREATE TABLE jobs (id integer, input, state, output, reason, owner, seq)`,
		"no type":     `CREATE TABLE jobs (id PRIMARY KEY, input, state, output, reason, owner, seq)`,
		"two keys":    `CREATE TABLE jobs (id integer, input, state, output, reason, owner, seq, PRIMARY KEY (id, seq))`,
		"no rowid":    `CREATE TABLE jobs (id text PRIMARY KEY, input, state, output, reason, owner, seq) WITHOUT ROWID`,
		"its names":   `CREATE TABLE jobs (id text PRIMARY KEY, input, state, output, reason, owner, seq, ROWID, oid, _rowid_)`,
	} {
		config := Config{Driver: SQLite, DSN: liteFile(t), Table: "jobs", Owner: "me"}
		table := open(t, config)
		if _, err := table.db.Exec(schema); err != nil {
			t.Fatal(err)
		}
		if err := table.Check(t.Context()); !errors.Is(err, ErrMisfit) {
			t.Errorf("%s: %v", name, err)
		}
	}
	config := Config{Driver: SQLite, DSN: liteFile(t), Table: "jobs", Owner: "me"}
	table := open(t, config)
	if _, err := table.db.Exec(config.Schema()); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := table.Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

func TestConfigs(t *testing.T) {
	good := Config{Driver: SQLite, DSN: "x", Table: "t", Owner: "o"}
	if err := good.Validate(); err != nil {
		t.Error(err)
	}
	for name, change := range map[string]func(*Config){
		"driver":     func(c *Config) { c.Driver = "oracle" },
		"nowhere":    func(c *Config) { c.DSN = "" },
		"no table":   func(c *Config) { c.Table = "" },
		"no part":    func(c *Config) { c.Driver, c.Table = Postgres, "a." },
		"long name":  func(c *Config) { c.Table = strings.Repeat("x", 64) },
		"zero byte":  func(c *Config) { c.Columns.Seq = "a\x00" },
		"two duties": func(c *Config) { c.Columns.Seq = "input" },
		"nobody":     func(c *Config) { c.Owner = "" },
		"long owner": func(c *Config) { c.Owner = strings.Repeat("x", maxOwner+1) },
	} {
		c := good
		change(&c)
		if _, err := Open(c); err == nil {
			t.Errorf("%s: it is taken", name)
		}
	}
	if table, err := Open(Config{Driver: Postgres, DSN: "postgres://a:secret@[::1", Table: "t", Owner: "o"}); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
		table.Close()
	}
}

// A file that is not there is not made, and is found once it is.
func TestSQLiteFileIsMissing(t *testing.T) {
	path := filepath.Join(t.TempDir(), "jobs.db")
	table := open(t, Config{Driver: SQLite, DSN: path, Table: "jobs", Owner: "me"})
	if _, err := table.Cursor(t.Context()); err == nil {
		t.Fatal("a cursor of nothing")
	}
	if _, err := os.Stat(path); err == nil {
		t.Fatal("it was made")
	}
	if err := os.WriteFile(path, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := table.db.Exec(table.config.Schema()); err != nil {
		t.Fatal(err)
	}
	if next, err := table.Cursor(t.Context()); err != nil || next != 0 {
		t.Errorf("%d, %v", next, err)
	}
}

// Hives that share a table get different rows, and each row one of them.
func testSharing(t *testing.T, p *at) {
	const count, hives = 400, 4
	feedtest.InsertNumbers(t, p, count)
	got := make(chan string, 2*count)
	failed := make(chan error, hives)
	for n := range hives {
		config := p.config
		config.Owner = fmt.Sprint("hive ", n)
		table := open(t, config)
		go func() {
			for {
				units, err := table.Claim(context.Background(), 7)
				for _, u := range units {
					got <- u.Key
				}
				if errors.Is(err, io.EOF) {
					err = nil
				} else if err == nil || errors.Is(err, work.ErrNoWork) {
					continue
				}
				failed <- err
				return
			}
		}()
	}
	for range hives {
		if err := <-failed; err != nil {
			t.Error(err)
		}
	}
	close(got)
	seen := map[string]bool{}
	for key := range got {
		if seen[key] {
			t.Errorf("row %s was claimed twice", key)
		}
		seen[key] = true
	}
	if len(seen) != count {
		t.Errorf("%d rows of %d were claimed", len(seen), count)
	}
}

func TestSQLiteSharing(t *testing.T) {
	config := testConfig(SQLite, liteFile(t))
	config.Columns.Priority = ""
	testSharing(t, makeTable(t, config, "text", "blob"))
}
