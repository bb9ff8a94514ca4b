package exectest_test

import (
	"encoding/json"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/work/exec"
	"github.com/batchain/batchain/work/exec/exectest"
)

func TestMain(m *testing.M) {
	exec.BeChild()
	os.Exit(m.Run())
}

// build builds an example in Go.
func build(t *testing.T, example string, env ...string) string {
	t.Helper()
	target := filepath.Join(t.TempDir(), "example")
	cmd := osexec.Command("go", "build", "-o", target, "./"+example)
	cmd.Dir = filepath.Join("..", "testdata")
	cmd.Env = append(append(os.Environ(), "CGO_ENABLED=0"), env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", example, err, out)
	}
	return target
}

// python returns the command line of an example in Python.
func python(t *testing.T, example string) []string {
	t.Helper()
	path, err := osexec.LookPath("python3")
	if err != nil {
		t.Skip("skipped: there is no python3 here")
	}
	return []string{path, filepath.Join("..", "testdata", example)}
}

var (
	inputs = []json.RawMessage{[]byte(`{"from":0,"count":1}`), []byte(`{"from":10,"count":1000}`)}
	bad    = []byte(`["no","unit"]`)
)

func TestWorkerInGo(t *testing.T) {
	long := append(inputs[:len(inputs):len(inputs)], []byte(`{"from":1,"count":50000000}`))
	exectest.CheckWorker(t, exectest.Worker{Argv: []string{build(t, "worker")}, Inputs: long, Bad: bad})
}

func TestWorkerInPython(t *testing.T) {
	exectest.CheckWorker(t, exectest.Worker{Argv: python(t, "worker.py"), Inputs: inputs, Bad: bad})
}

func TestWorkerInPerl(t *testing.T) {
	perl, err := osexec.LookPath("perl")
	if err == nil {
		err = osexec.Command(perl, "-MJSON::PP", "-e", "1").Run()
	}
	if err != nil {
		t.Skip("skipped: there is no perl with JSON::PP here")
	}
	exectest.CheckWorker(t, exectest.Worker{Argv: []string{perl, filepath.Join("..", "testdata", "worker.pl")}, Inputs: inputs, Bad: bad})
}

func TestModuleInGo(t *testing.T) {
	wasm, err := os.ReadFile(build(t, "worker", "GOOS=wasip1", "GOARCH=wasm"))
	if err != nil {
		t.Fatal(err)
	}
	exectest.CheckModule(t, exectest.Module{Wasm: wasm, Inputs: inputs})
}

var leibniz = exectest.Source{Context: []byte(`{"units":3,"count":100}`), Result: []byte("0.5"), Other: []byte("0.25")}

func TestSourceInGo(t *testing.T) {
	leibniz := leibniz
	leibniz.Argv = []string{build(t, "source"), filepath.Join(t.TempDir(), "journal")}
	exectest.CheckSource(t, leibniz)
}

func TestSourceInPython(t *testing.T) {
	leibniz := leibniz
	leibniz.Argv = append(python(t, "source.py"), filepath.Join(t.TempDir(), "journal"))
	exectest.CheckSource(t, leibniz)
}

// examplesOf returns the programs of the document that are written in a language.
func examplesOf(t *testing.T, language string) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, part := range strings.Split(string(text), "\n```"+language+"\n")[1:] {
		program, _, _ := strings.Cut(part, "\n```")
		programs = append(programs, program)
	}
	return programs
}

// The document's own worker keeps to it.
func TestWorkerOfTheDocument(t *testing.T) {
	argv := python(t, "")
	programs := examplesOf(t, "python")
	if len(programs) != 1 {
		t.Fatalf("%d programs in Python", len(programs))
	}
	argv[1] = filepath.Join(t.TempDir(), "worker.py")
	if err := os.WriteFile(argv[1], []byte(programs[0]), 0o600); err != nil {
		t.Fatal(err)
	}
	exectest.CheckWorker(t, exectest.Worker{Argv: argv, Inputs: []json.RawMessage{[]byte("7"), []byte("0.5")}, Bad: []byte(`"x"`)})
}

// TestStranger holds any worker to the protocol: see the package comment.
// $BATCHAIN_BAD, which may be left out, is an input that it cannot do.
func TestStranger(t *testing.T) {
	argv := strings.Fields(os.Getenv("BATCHAIN_WORKER"))
	if len(argv) == 0 {
		t.Skip("skipped: no $BATCHAIN_WORKER")
	}
	w := exectest.Worker{Argv: argv, Inputs: []json.RawMessage{json.RawMessage(os.Getenv("BATCHAIN_INPUT"))}}
	if text := os.Getenv("BATCHAIN_BAD"); text != "" {
		w.Bad = json.RawMessage(text)
	}
	exectest.CheckWorker(t, w)
}

// TestStrangeSource holds any source to the protocol: $BATCHAIN_SOURCE is its
// command line, $BATCHAIN_CONTEXT its context. It makes at least one unit, and
// believes results when all are the same.
func TestStrangeSource(t *testing.T) {
	argv := strings.Fields(os.Getenv("BATCHAIN_SOURCE"))
	if len(argv) == 0 {
		t.Skip("skipped: no $BATCHAIN_SOURCE")
	}
	s := exectest.Source{Argv: argv, Result: []byte("1"), Other: []byte("2")}
	if text := os.Getenv("BATCHAIN_CONTEXT"); text != "" {
		s.Context = json.RawMessage(text)
	}
	exectest.CheckSource(t, s)
}
