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
	exectest.CheckWorker(t, exectest.Worker{Argv: []string{build(t, "worker")}, Inputs: inputs, Bad: bad})
}

func TestWorkerInPython(t *testing.T) {
	exectest.CheckWorker(t, exectest.Worker{Argv: python(t, "worker.py"), Inputs: inputs, Bad: bad})
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
	leibniz.Argv = []string{build(t, "source")}
	exectest.CheckSource(t, leibniz)
}

func TestSourceInPython(t *testing.T) {
	leibniz := leibniz
	leibniz.Argv = python(t, "source.py")
	exectest.CheckSource(t, leibniz)
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
