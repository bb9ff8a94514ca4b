package exec

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// needMemoryLimit skips where the memory of a process has no limit.
func needMemoryLimit(t *testing.T) {
	t.Helper()
	if raceDetector || runtime.GOOS != "linux" {
		t.Skip("skipped: the memory of a process has no limit here")
	}
}

func TestNoModules(t *testing.T) {
	p := newPool(t, Config{})
	good := printer(answer)
	foreign := mt.Module{Imports: []mt.Import{{Module: "env", Name: "system"}}, Funcs: []mt.Func{{Name: "_start"}}}
	newer := mt.Module{Imports: []mt.Import{{Module: "wasi_snapshot_preview1", Name: "sock_connect"}}, Funcs: []mt.Func{{Name: "_start"}}}
	for name, test := range map[string]struct {
		wasm []byte
		text string
	}{
		"empty":        {nil, ""},
		"a script":     {[]byte("#!/bin/sh\nreboot\n"), ""},
		"ELF":          {[]byte("\x7fELF\x02\x01\x01"), ""},
		"cut short":    {good[:len(good)-10], ""},
		"ill typed":    {printer(answer, mt.I32Add), ""},
		"no _start":    {mt.Module{Funcs: []mt.Func{{Name: "start"}}}.Bytes(), "it exports no function _start"},
		"other import": {foreign.Bytes(), "it imports env.system, which is not of WASI preview 1"},
		"newer import": {newer.Bytes(), "it imports wasi_snapshot_preview1.sock_connect"},
		"too large":    {make([]byte, MaxModule+1), "67108865 bytes, at most 67108864 are taken"},
	} {
		for _, metered := range []bool{true, false} {
			id, err := p.Load(t.Context(), test.wasm, metered)
			if !errors.Is(err, ErrModule) || !strings.Contains(err.Error(), test.text) || strings.Contains(err.Error(), "\n") {
				t.Errorf("%s: %v", name, err)
			}
			if _, err := p.Run(t.Context(), Program{Module: id}, Unit{Input: []byte("0")}); !errors.Is(err, ErrNotLoaded) {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if left, err := filepath.Glob(filepath.Join(p.config.Dir, "modules", "*")); err != nil || len(left) > 0 {
		t.Errorf("the cache has %q, %v", left, err)
	}
}

// bomb is a module of one function that takes wazero long to compile.
func bomb() []byte {
	var body []byte
	for range 400_000 {
		body = append(body, mt.LocalGet, 0, mt.I32Const, 1, mt.If, mt.Void, mt.LocalGet, 1, mt.LocalSet, 0, mt.End, mt.LocalSet, 1)
	}
	return mt.Module{Funcs: []mt.Func{{Name: "_start", Locals: []byte{mt.I32, mt.I32}, Body: body}}}.Bytes()
}

func TestCompileBombs(t *testing.T) {
	needMemoryLimit(t)
	for name, config := range map[string]Config{
		"time":   {CompileTime: time.Second},
		"memory": {CompileMemory: 160 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPool(t, config)
			_, err := p.Load(t.Context(), bomb(), true)
			if !errors.Is(err, ErrCompile) || strings.Contains(err.Error(), "\n") {
				t.Errorf("got %v", err)
			}
		})
	}
}

// A module may grow a table, which no limit of its own counts: its process does.
func TestHugeTable(t *testing.T) {
	needMemoryLimit(t)
	p := newPool(t, Config{})
	wasm := printer(answer, mt.RefNull, mt.FuncRef, mt.I32Const, 400_000_000, mt.Misc, mt.TableGrow, byte(0), mt.Drop)
	for fuel, want := range map[uint64]error{0: ErrMemory, 1e6: ErrFuel} {
		id, err := p.Load(t.Context(), wasm, fuel > 0)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Run(t.Context(), Program{Module: id}, Unit{Input: []byte("0"), Limits: Limits{Fuel: fuel}})
		if !errors.Is(err, want) && !errors.Is(err, ErrMemory) {
			t.Errorf("with fuel %d: %v", fuel, err)
		}
	}
}

func TestWorkersAreKept(t *testing.T) {
	p := newPool(t, Config{Slots: 2})
	var programs []Program
	for range 3 {
		wasm := printer(answer, mt.I32Const, len(programs), mt.Drop)
		id, err := p.Load(t.Context(), wasm, true)
		if err != nil {
			t.Fatal(err)
		}
		programs = append(programs, Program{Module: id})
	}
	var fuel uint64
	pids := map[int]int{}
	run := func(n int) int {
		t.Helper()
		result, err := p.Run(t.Context(), programs[n], Unit{Input: []byte("0"), Limits: Limits{Fuel: 1e6}})
		if err != nil {
			t.Fatal(err)
		}
		if fuel == 0 {
			fuel = result.Fuel
		}
		if result.Fuel != fuel {
			t.Errorf("%d of fuel, at first %d", result.Fuel, fuel)
		}
		return p.idle[len(p.idle)-1].cmd.Process.Pid
	}
	for n := range programs {
		pids[n] = run(n)
	}
	if len(p.idle) != 2 || run(2) != pids[2] || run(1) != pids[1] {
		t.Error("a worker was not kept")
	}
	if run(0) == pids[0] {
		t.Error("a third worker was kept in two slots")
	}
}

func TestKilledInTheMiddle(t *testing.T) {
	p := newPool(t, Config{})
	id, err := p.Load(t.Context(), printer(answer, mt.Loop, mt.Void, mt.Br, byte(0), mt.End), false)
	if err != nil {
		t.Fatal(err)
	}
	said := make(chan struct{})
	ctx, cancel := context.WithCancelCause(t.Context())
	go func() {
		<-said
		cancel(errors.New("enough"))
	}()
	module := Program{Module: id}
	w, err := p.startFor(t.Context(), module, Limits{}.withDefaults())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = w.cmd.Process.Kill() }()
	if _, err := p.do(t.Context(), w, Unit{Input: []byte("0"), Limits: Limits{}.withDefaults()}); !errors.Is(err, ErrDied) {
		t.Errorf("killed: %v", err)
	}
	if _, err := os.Stat(w.box.dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its box is there still: %v", err)
	}
	close(said)
	if _, err := p.Run(ctx, module, Unit{Input: []byte("0")}); err == nil || !strings.HasSuffix(err.Error(), "enough") {
		t.Errorf("ended by its context: %v", err)
	}
}

func TestDeniedUnits(t *testing.T) {
	p := newPool(t, Config{Memory: 64 << 20, Wall: time.Minute})
	id, err := p.Load(t.Context(), printer(answer), false)
	if err != nil {
		t.Fatal(err)
	}
	small := Limits{Memory: 1 << 20}
	for name, u := range map[string]Unit{
		"no JSON":       {Input: []byte("{"), Limits: small},
		"no input":      {Limits: small},
		"long input":    {Input: []byte(`"` + strings.Repeat("x", MaxInput) + `"`), Limits: small},
		"much memory":   {Input: []byte("0")},
		"much time":     {Input: []byte("0"), Limits: Limits{Memory: 1 << 20, Wall: time.Minute + 1}},
		"file above":    {Input: []byte("0"), Limits: small, Files: map[string]string{"../x": os.Args[0]}},
		"file absolute": {Input: []byte("0"), Limits: small, Files: map[string]string{"/x": os.Args[0]}},
		"file itself":   {Input: []byte("0"), Limits: small, Files: map[string]string{".": os.Args[0]}},
	} {
		if _, err := p.Run(t.Context(), Program{Module: id}, u); !errors.Is(err, ErrDenied) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := p.Run(t.Context(), Program{Module: id}, Unit{Input: []byte("0"), Limits: small}); err != nil {
		t.Error(err)
	}
}

// A unit that is paused uses up no time, and ends well.
func TestPause(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("skipped: there is no pause on Windows")
	}
	p := newPool(t, Config{})
	id, err := p.Load(t.Context(), printer(`{"type":"log","message":"at it"}`+"\n"+answer, mt.Print(60000, 0, 33), counting(1e9, nil)), false)
	if err != nil {
		t.Fatal(err)
	}
	atIt := make(chan struct{})
	done := make(chan error)
	go func() {
		_, err := p.Run(t.Context(), Program{Module: id}, Unit{Input: []byte("0"), Log: func(string) {
			select {
			case <-atIt:
			default:
				close(atIt)
			}
		}})
		done <- err
	}()
	<-atIt
	if err := p.Pause(); err != nil {
		t.Fatal(err)
	}
	waiting, cancel := context.WithTimeoutCause(t.Context(), 100*time.Millisecond, errors.New("waited"))
	defer cancel()
	if _, err := p.Run(waiting, Program{Module: id}, Unit{Input: []byte("0")}); err == nil || !strings.HasSuffix(err.Error(), "waited") {
		t.Errorf("a unit began in a pause: %v", err)
	}
	select {
	case err := <-done:
		t.Fatalf("it went on: %v", err)
	default:
	}
	if err := p.Resume(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
