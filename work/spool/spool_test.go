package spool

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/feed/feedtest"
)

const owner = "hive/squares"

func config(dir string) Config { return Config{Dir: dir, Owner: owner, Settle: time.Nanosecond} }

func TestMain(m *testing.M) {
	feedtest.Main(m, func(where string) (feedtest.Store, error) { return Open(config(where)) })
}

// at is a folder, seen by another program.
type at string

// Open opens the spool as a node does.
func (p at) Open(t *testing.T) feedtest.Store { return open(t, string(p)) }

func open(t *testing.T, dir string) *Spool {
	t.Helper()
	s, err := Open(config(dir))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// Insert drops a file.
func (p at) Insert(t *testing.T, name, input string) {
	t.Helper()
	p.write(t, "in/.new", input)
	if err := os.Rename(filepath.Join(string(p), "in/.new"), filepath.Join(string(p), "in", name)); err != nil {
		t.Fatal(err)
	}
}

func (p at) write(t *testing.T, name, text string) {
	t.Helper()
	name = filepath.Join(string(p), name)
	if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

func (p at) has(name string) bool {
	_, err := os.Lstat(filepath.Join(string(p), name))
	return !errors.Is(err, fs.ErrNotExist)
}

// Outcome looks where a unit is, and what lies beside it.
func (p at) Outcome(t *testing.T, name string) (string, string) {
	t.Helper()
	switch {
	case p.has("done/" + name):
		return "done", p.read(t, "done/"+name+".result")
	case p.has("failed/" + name):
		reason := p.read(t, "failed/"+name+".reason")
		if strings.HasPrefix(reason, "cancelled") {
			return "cancelled", reason
		}
		return "failed", reason
	}
	return "", ""
}

func (p at) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(string(p), name))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestStore(t *testing.T) {
	feedtest.Check(t, func(t *testing.T) feedtest.Place { return at(t.TempDir()) })
}

func TestKilled(t *testing.T) {
	count, kills := 1000, 15
	if testing.Short() {
		count, kills = 200, 4
	}
	p := at(t.TempDir())
	if err := os.Mkdir(filepath.Join(string(p), "in"), 0o777); err != nil {
		t.Fatal(err)
	}
	feedtest.CheckKilled(t, p, string(p), count, kills, nil)
	for dir, want := range map[string]int{"in": 0, "busy": 0, "done": 2 * count, "failed": 0} {
		if entries, err := os.ReadDir(filepath.Join(string(p), dir)); err != nil || len(entries) != want {
			t.Errorf("%s has %d files, want %d: %v", dir, len(entries), want, err)
		}
	}
}

func claim(t *testing.T, s *Spool) []work.Unit {
	t.Helper()
	units, err := s.Claim(t.Context(), 100)
	if err != nil && !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	return units
}

func put(t *testing.T, s *Spool, chunks ...work.Datachunk) {
	t.Helper()
	if err := s.Put(t.Context(), chunks); err != nil {
		t.Fatal(err)
	}
}

// What is no unit for sure stays where it is; what is there and no good is told.
func TestForeignFiles(t *testing.T) {
	p := at(t.TempDir())
	s := open(t, string(p))
	secret := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(secret, []byte("1"), 0o600); err != nil {
		t.Fatal(err)
	}
	stay := []string{".hidden", "half.tmp", "half.part", "old~", "a.result", "a.reason", strings.Repeat("x", maxName+1), "folder", "link"}
	for _, name := range stay[:7] {
		p.write(t, "in/"+name, "1")
	}
	if err := os.Mkdir(filepath.Join(string(p), "in/folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(secret, filepath.Join(string(p), "in/link")); err != nil {
		t.Log("no links here:", err)
		stay = stay[:8]
	}
	p.Insert(t, "good", "1")
	units := claim(t, s)
	if len(units) != 1 || !strings.HasSuffix(units[0].Key, "-good") || string(units[0].Input) != "1" {
		t.Errorf("claimed %v", units)
	}
	for _, name := range stay {
		if !p.has("in/" + name) {
			t.Errorf("%s is gone", name)
		}
	}
	if _, err := s.Claim(t.Context(), 1); !errors.Is(err, io.EOF) {
		t.Errorf("there is more: %v", err)
	}
}

// A file that changes is not taken before it has settled.
func TestSettling(t *testing.T) {
	c := config(t.TempDir())
	c.Settle = time.Hour
	s, err := Open(c)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	p := at(c.Dir)
	p.Insert(t, "a", "[1,")
	if _, err := s.Claim(t.Context(), 1); !errors.Is(err, work.ErrNoWork) {
		t.Errorf("while it is written: %v", err)
	}
	p.write(t, "in/a", "[1,2]")
	old := time.Now().Add(-2 * time.Hour)
	if err := os.Chtimes(filepath.Join(c.Dir, "in/a"), old, old); err != nil {
		t.Fatal(err)
	}
	if units := claim(t, s); len(units) != 1 || string(units[0].Input) != "[1,2]" {
		t.Errorf("claimed %v", units)
	}
}

// A name may be used again, under another key, once nobody misses what it came to.
func TestSameNameAgain(t *testing.T) {
	p := at(t.TempDir())
	s := open(t, string(p))
	keys := map[string]bool{}
	for seq := range uint64(4) {
		p.Insert(t, "a", fmt.Sprint(seq))
		units := claim(t, s)
		if len(units) != 1 || keys[units[0].Key] {
			t.Fatalf("claimed %v", units)
		}
		keys[units[0].Key] = true
		p.Insert(t, "a", "the next one")
		if units := claim(t, s); len(units) != 0 {
			t.Fatalf("two of one name are busy: %v", units)
		}
		chunk := work.Datachunk{Seq: seq, Key: units[0].Key, State: work.Valid, Output: []byte("ok")}
		dir, end := "done", ".result"
		if seq%2 == 1 {
			chunk.State, chunk.Reason, dir, end = work.Failed, "two\nlines \xff", "failed", ".reason"
		}
		put(t, s, chunk)
		put(t, s, chunk) // nothing new
		if units := claim(t, s); len(units) != 0 {
			t.Fatalf("it would take the place of what is in %s: %v", dir, units)
		}
		if got := p.read(t, dir+"/a"); got != fmt.Sprint(seq) {
			t.Errorf("the unit is %s", got)
		}
		if got := p.read(t, dir+"/a"+end); got != map[string]string{"done": "ok", "failed": "failed: two lines ?\n"}[dir] {
			t.Errorf("it came to %q", got)
		}
		for _, name := range []string{dir + "/a", dir + "/a" + end, "in/a"} {
			if err := os.Remove(filepath.Join(string(p), name)); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// Killed between two of its own steps, it finds its way.
func TestHalfEnded(t *testing.T) {
	p := at(t.TempDir())
	s := open(t, string(p))
	for _, name := range []string{"a", "b"} {
		p.Insert(t, name, "1")
	}
	units := claim(t, s)
	chunks := []work.Datachunk{
		{Seq: 0, Key: units[0].Key, State: work.Valid, Output: []byte("first")},
		{Seq: 1, Key: units[1].Key, State: work.Valid, Output: []byte("second")},
	}
	p.write(t, "done/a.result", "first") // its unit is in busy
	p.write(t, "done/b.result.tmp", "sec")
	s.Close()
	s = open(t, string(p))
	again := 0
	for _, err := range s.Claimed(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		again++
	}
	if again != 2 {
		t.Errorf("%d units are claimed", again)
	}
	put(t, s, chunks...)
	for name, want := range map[string]string{"a": "first", "b": "second"} {
		if state, text := p.Outcome(t, name); state != "done" || text != want {
			t.Errorf("%s is %s %s", name, state, text)
		}
	}
	if next, err := s.Cursor(t.Context()); err != nil || next != 2 {
		t.Errorf("%d, %v", next, err)
	}
}

// Somebody who takes files out of busy, or makes them unreadable, harms nobody else.
func TestMeddling(t *testing.T) {
	p := at(t.TempDir())
	s := open(t, string(p))
	for _, name := range []string{"a", "b", "c"} {
		p.Insert(t, name, "1")
	}
	units := claim(t, s)
	if err := os.Remove(filepath.Join(string(p), "busy", units[0].Key)); err != nil {
		t.Fatal(err)
	}
	if os.Getuid() > 0 {
		p.write(t, "in/locked", "1")
		if err := os.Chmod(filepath.Join(string(p), "in/locked"), 0); err != nil {
			t.Fatal(err)
		}
		claim(t, s)
		if state, text := p.Outcome(t, "locked"); state != "failed" || !strings.Contains(text, "permission") {
			t.Errorf("what cannot be read is %s %s", state, text)
		}
	}
	count := 0
	for _, err := range s.Claimed(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		count++
	}
	if count != 2 {
		t.Errorf("%d are claimed", count)
	}
	for seq, u := range units {
		put(t, s, work.Datachunk{Seq: uint64(seq), Key: u.Key, State: work.Valid, Output: []byte("1")})
	}
	if !p.has("done/b") || !p.has("done/c") {
		t.Error("others are not done")
	}
}

func TestOneAtATime(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir)
	if _, err := Open(config(dir)); !errors.Is(err, ErrInUse) {
		t.Errorf("two at once: %v", err)
	}
	s.Close()
	other := config(dir)
	other.Owner = "another hive"
	if _, err := Open(other); !errors.Is(err, ErrOwner) {
		t.Errorf("another owner: %v", err)
	}
	for _, text := range []string{"", "[]", `{"version":2,"owner":"hive/squares"}`, strings.Repeat(" ", maxState+1)} {
		if err := os.WriteFile(filepath.Join(dir, stateFile), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := Open(config(dir)); err == nil {
			t.Errorf("state %.20q is taken", text)
		}
	}
	for _, c := range []Config{{Dir: dir}, {Owner: owner}} {
		if _, err := Open(c); err == nil {
			t.Errorf("%v is taken", c)
		}
	}
}

// A folder that has more files than are read at one time.
func TestManyFiles(t *testing.T) {
	p := at(t.TempDir())
	s := open(t, string(p))
	const count = scanNames + 300
	for n := range count {
		p.write(t, fmt.Sprintf("in/f%d", n), "1")
	}
	got := 0
	for got < count {
		units, err := s.Claim(t.Context(), 256)
		if err != nil {
			t.Fatalf("after %d of %d: %v", got, count, err)
		}
		got += len(units)
	}
	if _, err := s.Claim(t.Context(), 1); !errors.Is(err, io.EOF) || got != count {
		t.Errorf("%d of %d, then %v", got, count, err)
	}
}
