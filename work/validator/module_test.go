package validator

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/exec"
)

// module builds the example and runs it in a sandbox of the test's.
func module(t *testing.T) *Module {
	t.Helper()
	target := filepath.Join(t.TempDir(), "judge.wasm")
	cmd := osexec.Command("go", "build", "-o", target, "./testdata/judge")
	cmd.Env = append(os.Environ(), "GOOS=wasip1", "GOARCH=wasm", "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	wasm, err := os.ReadFile(target)
	if err != nil {
		t.Fatal(err)
	}
	pool, err := exec.New(exec.Config{Dir: t.TempDir(), Eager: true, Slots: 2})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { pool.Close() })
	m := &Module{Pool: pool, Wasm: wasm, Limits: exec.Limits{Fuel: 2e9, Memory: 64 << 20, Wall: 40 * time.Second}}
	if _, err := pool.Load(t.Context(), wasm, true); err != nil { // takes long on a busy machine
		t.Fatal(err)
	}
	return m
}

// Whatever a module does to one unit: that fails, and the others do not.
func TestModule(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped with -short: it builds a module")
	}
	m := module(t)
	inputs := []string{`"good"`, `"panics"`, `"hangs"`, `"grows"`, `"rubbish"`, `"lies"`, `[1,2]`}
	got := run(t, m, time.Minute, inputs...)
	want := []string{`"good"`, "failed: validator: module", "failed: validator: module", "failed: validator: module", "failed: validator: " + errVerdict.Error(), "failed: " + ErrNotGiven.Error(), `[1,2]`}
	for n, w := range want {
		if n >= len(got) || !strings.HasPrefix(got[n], w) || strings.Contains(got[n], "goroutine") {
			t.Errorf("unit %s came to %.200q, want %s", inputs[n], got[n], w)
		}
	}
	long := `"` + strings.Repeat("x", 600_000) + `"`
	if _, err := m.Judge(t.Context(), work.Unit{Input: []byte("1")}, answers(long, long)); err == nil || !strings.Contains(err.Error(), "fit") {
		t.Errorf("more than fits: %v", err)
	}
	if j, err := m.Judge(t.Context(), work.Unit{Input: []byte("1")}, answers("1", "2")); err != nil || j.Valid {
		t.Errorf("no majority: %+v, %v", j, err)
	}
}
