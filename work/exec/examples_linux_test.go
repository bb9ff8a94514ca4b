package exec

import (
	"os"
	osexec "os/exec"
	"path/filepath"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
)

// The examples of workers do the same as native commands and as a module: that
// of Python and that of Go differ in how they write numbers.
func TestExamples(t *testing.T) {
	needLayers(t)
	if testing.Short() {
		t.Skip("skipped with -short: it builds programs")
	}
	if withoutRace(t) {
		return
	}
	examples, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	native := filepath.Join(t.TempDir(), "worker")
	build := osexec.Command("go", "build", "-o", native, "./worker")
	build.Dir, build.Env = examples, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	registry := prometheus.NewRegistry()
	p := newPool(t, Config{Registerer: registry, Commands: []Command{
		{Name: "go", Argv: []string{native}},
		{Name: "python", Argv: []string{"/usr/bin/python3", filepath.Join(examples, "worker.py")}, Read: []string{examples}},
	}})
	id, err := p.Load(t.Context(), buildModule(t, "worker"), true)
	if err != nil {
		t.Fatal(err)
	}
	programs := map[string]Program{"module": {Module: id}, "go": {Command: "go"}}
	if _, err := os.Stat("/usr/bin/python3"); err == nil {
		programs["python"] = Program{Command: "python"}
	}
	for name, program := range programs {
		unit := Unit{Input: []byte(`{"from":0,"count":3}`), Log: func(s string) { t.Log(s) }}
		if program.Command == "" {
			unit.Limits.Fuel = 1e9
		}
		for range 2 {
			result, err := p.Run(t.Context(), program, unit)
			if err != nil || string(result.Data) != "0.8666666666666667" {
				t.Errorf("%s: %s, %v", name, result.Data, err)
			}
		}
	}
	for name, want := range map[string]int{"batchain_exec_units_total": 2 * len(programs), "batchain_exec_starts_total": len(programs)} {
		if got := counted(t, registry, name); got != float64(want) {
			t.Errorf("%s is %v, want %d", name, got, want)
		}
	}
}

// counted returns the value of a counter that has one series.
func counted(t *testing.T, registry *prometheus.Registry, name string) float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, family := range families {
		if family.GetName() == name {
			return family.GetMetric()[0].GetCounter().GetValue()
		}
	}
	return -1
}

// A worker that slept is asked whether it is there still.
func TestSleepers(t *testing.T) {
	p := newPool(t, Config{})
	id, err := p.Load(t.Context(), printer(answer), false)
	if err != nil {
		t.Fatal(err)
	}
	unit := Unit{Input: []byte("0")}
	if _, err := p.Run(t.Context(), Program{Module: id}, unit); err != nil {
		t.Fatal(err)
	}
	slept := p.idle[0]
	slept.since = slept.since.Add(-2 * sleepTime)
	if !slept.answers() {
		t.Fatal("it does not answer")
	}
	if err := slept.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Run(t.Context(), Program{Module: id}, unit); err != nil {
		t.Fatal(err)
	}
	if p.idle[0].worker == slept.worker {
		t.Error("a dead worker is kept")
	}
}
