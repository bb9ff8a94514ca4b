package labour

import (
	"errors"
	"io"
	"log/slog"
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
)

// saved keeps a project's folder and reads it again.
func saved(t *testing.T, text string) *project {
	t.Helper()
	d, err := readProject(t.Context(), folder(t, text), nil)
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "projects", "p")
	if err := d.save(dir); err != nil {
		t.Fatal(err)
	}
	s, err := loadSpec(dir)
	if err != nil || !s.same(&d.spec) {
		t.Fatalf("%+v is not %+v: %v", s, d.spec, err)
	}
	return &project{spec: s, dir: dir}
}

// inputs takes all units of a source from number first on.
func inputs(t *testing.T, s hive.Source, first uint64) (all []string) {
	t.Helper()
	for n := first; ; n++ {
		u, err := s.Next(t.Context(), n)
		if errors.Is(err, io.EOF) {
			return all
		}
		if err != nil {
			t.Fatal(err)
		}
		if u.Priority != 4 {
			t.Errorf("unit %d has priority %d", n, u.Priority)
		}
		all = append(all, string(u.Input))
	}
}

func TestUnitsOfEveryKind(t *testing.T) {
	const head = "name = 'a'\nmodule = 'square.wasm'\npriority = 4\n"
	for text, want := range map[string][]string{
		"count = 3":             {"0", "1", "2"},
		"count = 0":             nil,
		"units = 'inputs'":      {"1", `{"a": 2}`, `"three"`},
		"units = [true, [1.5]]": {"true", "[1.5]"},
		"range = { from = 5, count = 5, step = 2 }": {`{"from":5,"count":2}`, `{"from":7,"count":2}`, `{"from":9,"count":1}`},
		"range = { count = 2 }":                     {`{"from":0,"count":1}`, `{"from":1,"count":1}`},
	} {
		t.Run(text, func(t *testing.T) {
			p := saved(t, head+text+"\n")
			owner, done, err := p.handlers(t.Context(), slog.New(slog.DiscardHandler))
			if err != nil {
				t.Fatal(err)
			}
			defer done()
			if p.Total != int64(len(want)) {
				t.Errorf("total %d, want %d", p.Total, len(want))
			}
			for _, first := range []uint64{0, 1, 0, uint64(len(want))} { // as after restarts
				got, rest := inputs(t, owner.Source, first), want[min(int(first), len(want)):]
				if len(got) != len(rest) {
					t.Fatalf("from %d: %q, want %q", first, got, rest)
				}
				for i := range got {
					if got[i] != rest[i] {
						t.Errorf("from %d: %q, want %q", first, got, rest)
					}
				}
			}
		})
	}
}

// A source that is started again makes what it made, which is passed over.
func TestSourceGoesOn(t *testing.T) {
	python, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("skipped: there is no python3 here")
	}
	script, err := filepath.Abs("../../work/exec/testdata/source.py")
	if err != nil {
		t.Fatal(err)
	}
	p := saved(t, "name = 'a'\ncommand = 'x'\npriority = 4\nsource = ['"+python+"', '"+script+"']\ncontext = { units = 4, count = 10 }\n[policy]\nrule = 'custom'\n")
	owner, done, err := p.handlers(t.Context(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer done()
	got := inputs(t, owner.Source, 2)
	if len(got) != 2 || got[0] != `{"from":20,"count":10}` && got[0] != `{"from": 20, "count": 10}` {
		t.Errorf("units from 2 on: %q", got)
	}
	answers := func(outputs ...string) (all []work.Answer) {
		for _, o := range outputs {
			all = append(all, work.Answer{Output: []byte(o)})
		}
		return all
	}
	j, err := owner.Validator.Judge(t.Context(), work.Unit{}, answers("5", "5"))
	if err != nil || !j.Valid || string(j.Output) != "5" || j.Wrong != nil {
		t.Errorf("%+v, %v", j, err)
	}
	if j, err = owner.Validator.Judge(t.Context(), work.Unit{}, answers("5", "6")); err != nil || j.Valid {
		t.Errorf("%+v, %v", j, err)
	}
	for _, c := range []work.Datachunk{{Seq: 0, State: work.Valid, Output: []byte("1")}, {Seq: 1, State: work.Failed}} {
		if err := owner.Datachunk(t.Context(), c); err != nil {
			t.Error(err)
		}
	}
}

// What is half made when the node ends is removed at the next start.
func TestHalfAProjectIsNone(t *testing.T) {
	l, err := New(Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	d, err := readProject(t.Context(), folder(t, "name = 'a'\nmodule = 'square.wasm'\ncount = 3\n"), nil)
	if err == nil {
		err = d.save(filepath.Join(l.projectsDir(), "a"))
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(l.projectsDir(), newPrefix+"123"), 0o700)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(l.projectsDir(), "unreadable"), 0o700)
	}
	if err != nil {
		t.Fatal(err)
	}
	all, err := l.loadProjects()
	if err != nil || len(all) != 1 || all[0].Project.Name != "a" {
		t.Fatalf("%v, %v", all, err)
	}
	if _, err := os.Stat(filepath.Join(l.projectsDir(), newPrefix+"123")); !errors.Is(err, os.ErrNotExist) {
		t.Error("the half one is still there")
	}
}
