package exec

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	osexec "os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// savedOf does a unit, and returns its result and the checkpoints that came; it ends after
// enough of them, 0: when it is done.
func savedOf(t *testing.T, p *Pool, program Program, u Unit, enough int) (Result, []json.RawMessage) {
	t.Helper()
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	end := errors.New("enough")
	var saved []json.RawMessage
	u.Save = func(c json.RawMessage) {
		if saved = append(saved, c); len(saved) == enough {
			cancel(end)
		}
	}
	result, err := p.Run(ctx, program, u)
	if (enough == 0 && err != nil) || (enough > 0 && !errors.Is(err, end)) {
		t.Fatalf("%v after %d checkpoints: %v", program, len(saved), err)
	}
	return result, saved
}

// A unit goes on from its checkpoint, and comes to the same result; where fuel is
// counted it begins anew.
func TestCheckpoints(t *testing.T) {
	needLayers(t)
	if testing.Short() {
		t.Skip("skipped with -short: it builds programs")
	}
	if withoutRace(t) {
		return
	}
	native := filepath.Join(t.TempDir(), "worker")
	build := osexec.Command("go", "build", "-o", native, "./worker")
	build.Dir, build.Env = "testdata", append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	p := newPool(t, Config{Commands: []Command{{Name: "go", Argv: []string{native}}}})
	wasm := buildModule(t, "worker")
	id, err := p.Load(t.Context(), wasm, false)
	if err != nil {
		t.Fatal(err)
	}
	for name, program := range map[string]Program{"module": {Module: id}, "go": {Command: "go"}} {
		u := Unit{Input: []byte(`{"from":5,"count":90000000}`), Limits: Limits{Output: 200}}
		want, all := savedOf(t, p, program, u, 0)
		if len(all) != 4 || !strings.HasPrefix(string(all[1]), `{"done":40000000,`) {
			t.Fatalf("%s: checkpoints %s", name, all)
		}
		_, saved := savedOf(t, p, program, u, 2)
		u.Checkpoint = saved[1]
		got, rest := savedOf(t, p, program, u, 0)
		if string(got.Data) != string(want.Data) || len(rest) != 2 || string(rest[1]) != string(all[3]) {
			t.Errorf("%s went on to %s by %s, want %s", name, got.Data, rest, want.Data)
		}
	}
	if id, err = p.Load(t.Context(), wasm, true); err != nil {
		t.Fatal(err)
	}
	u := Unit{Input: []byte(`{"from":0,"count":20000000}`), Limits: Limits{Fuel: 1e12}}
	want, saved := savedOf(t, p, Program{Module: id}, u, 0)
	u.Checkpoint = []byte(`{"done":20000000,"sum":7}`)
	got, _ := savedOf(t, p, Program{Module: id}, u, 0)
	if len(saved) > 0 || string(got.Data) != string(want.Data) || got.Fuel != want.Fuel {
		t.Errorf("with fuel: %d checkpoints, %s with %d of fuel, then %s with %d", len(saved), want.Data, want.Fuel, got.Data, got.Fuel)
	}
}
