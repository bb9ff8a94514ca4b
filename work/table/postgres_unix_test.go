//go:build unix

package table

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/feed/feedtest"
)

// server is a PostgreSQL of a test's own, which listens on a socket only.
type server struct {
	t    *testing.T
	data string
	run  func(name string, args ...string) *exec.Cmd
	last atomic.Int64 // database made
}

// tool returns the path of a program of PostgreSQL.
func tool(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("there is no %s here", name)
	}
	return found[len(found)-1], nil
}

// startServer starts a PostgreSQL, or skips the test and says why.
func startServer(t *testing.T) *server {
	t.Helper()
	for _, name := range []string{"initdb", "pg_ctl", "postgres"} {
		if _, err := tool(name); err != nil {
			t.Skipf("skipped: %v", err)
		}
	}
	// A socket's path is short, and the server may be another user.
	dir, err := os.MkdirTemp("/tmp", "pg")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	s := &server{t: t, data: filepath.Join(dir, "data"), run: exec.Command}
	if os.Getuid() == 0 { // whom it refuses
		s.run = unprivileged(t, dir)
	}
	s.do("initdb", "-D", s.data, "-A", "trust", "-U", "tester", "--no-sync", "-E", "UTF8", "--locale=C")
	s.start()
	t.Cleanup(func() { s.stop("immediate") })
	return s
}

// unprivileged returns what runs a command as somebody else, who owns dir.
func unprivileged(t *testing.T, dir string) func(string, ...string) *exec.Cmd {
	t.Helper()
	who, err := user.Lookup("postgres")
	if err != nil {
		who, err = user.Lookup("nobody")
	}
	if err != nil {
		t.Skipf("skipped: PostgreSQL refuses root, and %v", err)
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Skipf("skipped: PostgreSQL refuses root, and %v", err)
	}
	return func(name string, args ...string) *exec.Cmd {
		cmd := exec.Command(name, args...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
		cmd.Dir = dir
		return cmd
	}
}

func (s *server) do(name string, args ...string) {
	s.t.Helper()
	path, err := tool(name)
	if err != nil {
		s.t.Fatal(err)
	}
	if out, err := s.run(path, args...).CombinedOutput(); err != nil {
		s.t.Fatalf("%s %v: %v\n%s", name, args, err, out)
	}
}

func (s *server) start() {
	s.t.Helper()
	options := "-c listen_addresses= -c fsync=off -c unix_socket_directories=" + filepath.Dir(s.data)
	s.do("pg_ctl", "-D", s.data, "-l", s.data+".log", "-o", options, "-w", "-t", "60", "start")
}

// stop ends it: by "fast" in good order, by "immediate" as a kill does.
func (s *server) stop(mode string) {
	s.t.Helper()
	s.do("pg_ctl", "-D", s.data, "-m", mode, "-w", "stop")
}

func (s *server) dsn(database string) string {
	return fmt.Sprintf("host=%s user=tester dbname=%s", filepath.Dir(s.data), database)
}

// make makes a database with the table in it.
func (s *server) make(t *testing.T, idType, valueType string) *at {
	t.Helper()
	name := fmt.Sprint("d", s.last.Add(1))
	table := open(t, Config{Driver: Postgres, DSN: s.dsn("postgres"), Table: "none", Owner: "me"})
	if _, err := table.db.Exec("CREATE DATABASE " + name); err != nil {
		t.Fatal(err)
	}
	config := testConfig(Postgres, s.dsn(name))
	schema := open(t, Config{Driver: Postgres, DSN: s.dsn(name), Table: "none", Owner: "me"})
	if _, err := schema.db.Exec(`CREATE SCHEMA "own ""schema"`); err != nil {
		t.Fatal(err)
	}
	config.Table = `own "schema.` + config.Table
	if idType == "uuid" { // one without priorities
		config.Columns.Priority = ""
	}
	return makeTable(t, config, idType, valueType)
}

func TestPostgres(t *testing.T) {
	s := startServer(t)
	t.Run("store", func(t *testing.T) {
		feedtest.Check(t, func(t *testing.T) feedtest.Place { return s.make(t, "text", "bytea") })
	})
	t.Run("numbers", func(t *testing.T) { testNumbers(t, s.make(t, "bigint", "jsonb")) })
	t.Run("sharing", func(t *testing.T) { testSharing(t, s.make(t, "text", "bytea")) })
	t.Run("no priorities", func(t *testing.T) {
		p := s.make(t, "uuid", "json")
		const id = "00000000-0000-0000-0000-00000000000a"
		p.exec(t, `INSERT INTO TABLE_ (ID_, INPUT_) VALUES ($1, '{"a": 1}')`, id)
		table := open(t, p.config)
		if units := claim(t, table, 10); len(units) != 1 || units[0].Key != id || string(units[0].Input) != `{"a": 1}` {
			t.Errorf("claimed %v", units)
		}
		if err := table.Put(t.Context(), []work.Datachunk{{Key: id, State: work.Valid, Output: []byte("[1]")}}); err != nil {
			t.Error(err)
		}
		if state, text := p.Outcome(t, id); state != "done" || text != "[1]" {
			t.Errorf("it is %s %s", state, text)
		}
	})
	t.Run("objections", func(t *testing.T) {
		p := s.make(t, "text", "text")
		p.exec(t, `CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
			IF new.ID_ = 'stone' OR (new.ID_ = 'wall' AND new.STATE_ <> 'claimed') OR new.OUTPUT_ = '"unlucky"' OR new.REASON_ = 'forbidden' THEN RAISE EXCEPTION 'not this one'; END IF;
			RETURN new; END $f$`)
		p.exec(t, `CREATE TRIGGER stone BEFORE UPDATE ON TABLE_ FOR EACH ROW EXECUTE FUNCTION refuse()`)
		testObjections(t, p)
	})
	t.Run("outputs", func(t *testing.T) { testOutputs(t, s) })
	t.Run("misfits", func(t *testing.T) { testPostgresMisfits(t, s) })
	t.Run("killed", func(t *testing.T) {
		checkKilled(t, s.make(t, "text", "bytea"), nil)
	})
	t.Run("gone and back", func(t *testing.T) { testGoneAndBack(t, s) })
	t.Run("killed in the middle of import", func(t *testing.T) { testInTheMiddle(t, s, "claimed") })
	t.Run("killed in the middle of export", func(t *testing.T) { testInTheMiddle(t, s, "done") })
}

// testOutputs: what a column does not take is told in its row.
func testOutputs(t *testing.T, s *server) {
	for kind, want := range map[string]string{
		"text":  `done {"a":1}|failed what came of it stays in the hive|done words|done "\u0000"`,
		"jsonb": `done {"a": 1}|failed what came of it stays in the hive|failed what came of it stays in the hive|failed what came of it stays in the hive`,
		"bytea": `done {"a":1}|done "` + "\x00" + `"|done words|done "\u0000"`,
	} {
		p := s.make(t, "text", kind)
		var chunks []work.Datachunk
		for n, output := range []string{`{"a":1}`, "\"\x00\"", "words", `"\u0000"`} {
			name := fmt.Sprint("u", n)
			p.exec(t, `INSERT INTO TABLE_ (ID_, INPUT_) VALUES ($1, '1')`, name)
			chunks = append(chunks, work.Datachunk{Seq: uint64(n), Key: name, State: work.Valid, Output: []byte(output)})
		}
		table := open(t, p.config)
		claim(t, table, 10)
		if err := table.Put(t.Context(), chunks); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
		for n, want := range strings.Split(want, "|") {
			if state, text := p.Outcome(t, fmt.Sprint("u", n)); !strings.HasPrefix(state+" "+text, want) {
				t.Errorf("%s: output %d is %s %s, want %s", kind, n, state, text, want)
			}
		}
	}
}

func testPostgresMisfits(t *testing.T, s *server) {
	columns := "input text, state text, output text, reason text, owner text, seq bigint"
	for name, schema := range map[string]string{
		"nothing":     `CREATE TABLE other (id integer PRIMARY KEY)`,
		"a view":      `CREATE VIEW jobs AS SELECT 1 AS id, 2 AS input, 3 AS state, 4 AS output, 5 AS reason, 6 AS owner, 7 AS seq`,
		"no key":      `CREATE TABLE jobs (id integer NOT NULL, ` + columns + `)`,
		"may be NULL": `CREATE TABLE jobs (id integer UNIQUE, ` + columns + `)`,
		"two keys":    `CREATE TABLE jobs (id integer, ` + columns + `, PRIMARY KEY (id, seq))`,
		"priorities":  `CREATE TABLE jobs (id integer PRIMARY KEY, priority numeric, ` + columns + `)`,
	} {
		p := s.make(t, "text", "text")
		p.exec(t, schema)
		table := open(t, Config{Driver: Postgres, DSN: p.config.DSN, Table: "jobs", Owner: "me", Columns: Columns{Priority: "priority"}})
		if name != "priorities" {
			table = open(t, Config{Driver: Postgres, DSN: p.config.DSN, Table: "jobs", Owner: "me"})
		}
		if err := table.Check(t.Context()); err == nil || !strings.Contains(err.Error(), ErrMisfit.Error()) {
			t.Errorf("%s: %v", name, err)
		}
	}
	p := s.make(t, "text", "text")
	config := Config{Driver: Postgres, DSN: p.config.DSN, Table: "public.jobs", Owner: "me", Columns: Columns{Priority: "priority"}}
	p.exec(t, config.Schema())
	for range 2 {
		if err := open(t, config).Check(t.Context()); err != nil {
			t.Error(err)
		}
	}
}

// testGoneAndBack: the database is killed again and again, and so are hive and
// bees; what is claimed and written is whole.
func testGoneAndBack(t *testing.T, s *server) {
	checkKilled(t, s.make(t, "text", "bytea"), func() {
		for range 4 {
			s.stop("immediate")
			s.start()
		}
	})
}

// testInTheMiddle: the database is killed when it has done half of a transaction, of which
// a row becomes what state says, and started again; hive and bees live on. Then every
// row has been claimed and answered, and each once.
func testInTheMiddle(t *testing.T, s *server, state string) {
	const count, gate = 60, 7
	p := s.make(t, "text", "bytea")
	p.exec(t, fmt.Sprintf(`CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN
		IF new.ID_ = 'u5' AND new.STATE_ = '%s' THEN PERFORM pg_advisory_xact_lock(%d); END IF;
		RETURN new; END $f$`, state, gate))
	p.exec(t, `CREATE TRIGGER hold BEFORE UPDATE ON TABLE_ FOR EACH ROW EXECUTE FUNCTION hold()`)
	logDone(t, p)
	keeper, err := p.db.Conn(t.Context()) // its lock goes when the database does
	if err != nil {
		t.Fatal(err)
	}
	defer keeper.Close()
	if _, err := keeper.ExecContext(t.Context(), `SELECT pg_advisory_lock($1)`, gate); err != nil {
		t.Fatal(err)
	}
	held := false
	feedtest.CheckLived(t, p, count, func() {
		for deadline := time.Now().Add(30 * time.Second); !held && time.Now().Before(deadline); {
			<-time.After(5 * time.Millisecond)
			query := `SELECT EXISTS (SELECT FROM pg_locks WHERE locktype = 'advisory' AND NOT granted)`
			if err := keeper.QueryRowContext(t.Context(), query).Scan(&held); err != nil {
				t.Error(err)
				return
			}
		}
		s.stop("immediate")
		s.start()
	})
	if !held {
		t.Error("no transaction was in its middle")
	}
	checkDone(t, p, count)
}
