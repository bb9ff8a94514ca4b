package exec

import (
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// buildModule builds a program below testdata as a module.
func buildModule(t testing.TB, name string) []byte {
	t.Helper()
	target := filepath.Join(t.TempDir(), name)
	cmd := osexec.Command("go", "build", "-o", target, "./"+name)
	cmd.Dir = "testdata"
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", name, err, out)
	}
	wasm, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	return wasm
}

// withoutRace runs this test in a binary without the race detector, when this one
// has it, and reports whether it did: a child with it takes ten times as long to
// compile a module of Go's. What a child does is looked at with small modules.
func withoutRace(t *testing.T) bool {
	t.Helper()
	if !raceDetector {
		return false
	}
	cmd := osexec.Command("go", "test", "-race=false", "-count=1", "-v", "-run", "^"+t.Name()+"$", ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	out, err := cmd.CombinedOutput()
	switch {
	case err != nil:
		t.Errorf("without the race detector: %v\n%s", err, out)
	case strings.Contains(string(out), "--- SKIP: "+t.Name()):
		t.Skipf("skipped without the race detector, too:\n%s", out)
	case !strings.Contains(string(out), "--- PASS: "+t.Name()):
		t.Errorf("it was not run:\n%s", out)
	}
	return true
}

// A module sees its unit, and a world that is the same for everyone.
func TestModulesSeeNothingElse(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it builds a module of Go's")
	}
	if withoutRace(t) {
		return
	}
	dir := t.TempDir()
	secret, given, link := filepath.Join(dir, "owner.key"), filepath.Join(dir, "given"), filepath.Join(dir, "link")
	for _, path := range []string{secret, given} {
		if err := os.WriteFile(path, []byte("as it was"), 0o640); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink(given, link); err != nil {
		t.Fatal(err)
	}
	p := newPool(t, Config{})
	id, err := p.Load(t.Context(), buildModule(t, "prober"), true)
	if err != nil {
		t.Fatal(err)
	}
	input, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	unit := Unit{Input: input, Limits: Limits{Fuel: 1e9}, Files: map[string]string{"given": link}}
	first, err := p.Run(t.Context(), Program{Module: id}, unit)
	if err != nil {
		t.Fatal(err)
	}
	var came map[string]string
	if err := json.Unmarshal(first.Data, &came); err != nil {
		t.Fatal(err)
	}
	if came["its file"] != "as it was" {
		t.Errorf("its file is %q", came["its file"])
	}
	for what, err := range came {
		if what != "its file" && (what == "read its file") != (err == "") {
			t.Errorf("%s: %q", what, err)
		}
	}
	t.Log(came["world"])
	later := time.Now().Add(time.Hour)
	if err := errors.Join(os.Chtimes(given, later, later), os.Chmod(given, 0o600)); err != nil {
		t.Fatal(err)
	}
	second, err := p.Run(t.Context(), Program{Module: id}, unit)
	if err != nil || string(second.Data) != string(first.Data) || second.Fuel != first.Fuel {
		t.Errorf("first %s, %d of fuel; then %s, %d of fuel, %v", first.Data, first.Fuel, second.Data, second.Fuel, err)
	}
	checkPanic(t, p, id)
}

// checkPanic: what a module of Go's says when it panics stays in the log.
func checkPanic(t *testing.T, p *Pool, id ModuleID) {
	var said []string
	unit := Unit{Input: []byte(`"panic"`), Limits: Limits{Fuel: 1e9}, Log: func(text string) { said = append(said, text) }}
	_, err := p.Run(t.Context(), Program{Module: id}, unit)
	if !errors.Is(err, ErrExit) || strings.Contains(err.Error(), "goroutine") || !strings.HasSuffix(err.Error(), "exit: exit code 2") {
		t.Errorf("got %v", err)
	}
	if text := strings.Join(said, "\n"); !strings.Contains(text, "goroutine 1") {
		t.Errorf("its trace is not in the log: %q", text)
	}
}
