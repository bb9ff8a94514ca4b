package exec

import (
	"bytes"
	"context"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/imports/wasi_snapshot_preview1"
	"golang.org/x/sys/unix"
)

// cpuTime returns what a process has used of the processors: on a busy machine
// the wall clock measures the others.
func cpuTime(b *testing.B, pid int) time.Duration {
	const ofProcess = 2 // CPUCLOCK_SCHED, of the whole process; see clock_getcpuclockid(3)
	var t unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|ofProcess), &t); err != nil {
		b.Fatal(err)
	}
	return time.Duration(t.Nano())
}

// contender is one way to run a module; it returns the processor time of a run.
type contender func() time.Duration

// inProcess runs a module as wazero does by default.
func inProcess(b *testing.B, wasm []byte) contender {
	ctx := context.Background()
	vm := wazero.NewRuntime(ctx)
	b.Cleanup(func() { _ = vm.Close(ctx) })
	wasi_snapshot_preview1.MustInstantiate(ctx, vm)
	compiled, err := vm.CompileModule(ctx, wasm)
	if err != nil {
		b.Fatal(err)
	}
	input := benchLines
	return func() time.Duration {
		var out bytes.Buffer
		config := wazero.NewModuleConfig().WithName("").WithStdin(bytes.NewReader([]byte(input))).WithStdout(&out)
		began := cpuTime(b, os.Getpid())
		instance, err := vm.InstantiateModule(ctx, compiled, config)
		if err != nil || out.Len() == 0 {
			b.Fatal(err, out.String())
		}
		used := cpuTime(b, os.Getpid()) - began
		_ = instance.Close(ctx)
		return used
	}
}

// inChild runs a module in a warm child.
func inChild(b *testing.B, p *Pool, wasm []byte, fuel uint64) contender {
	id, err := p.Load(b.Context(), wasm, fuel > 0)
	if err != nil {
		b.Fatal(err)
	}
	limits := Limits{Fuel: fuel}.withDefaults()
	w, err := p.startFor(b.Context(), Program{Module: id}, limits)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(w.close)
	return func() time.Duration {
		began := cpuTime(b, w.cmd.Process.Pid)
		if _, err := p.do(b.Context(), w, Unit{Input: []byte(benchInput), Limits: limits}); err != nil {
			b.Fatal(err)
		}
		return cpuTime(b, w.cmd.Process.Pid) - began
	}
}

const (
	benchInput = `{"from":0,"count":5000000}`
	benchLines = `{"type":"hello","proto":1}` + "\n" + `{"type":"work","id":1,"input":` + benchInput + "}\n"
)

// BenchmarkChild compares, in one run and in turn, wazero in this process, a
// warm child, and a warm child that counts fuel, by processor time; the best of
// all rounds counts. speed is how fast the child is, measured by wazero: at
// least 0.9. fuel is how many times longer counting takes: at most 1.6.
func BenchmarkChild(b *testing.B) {
	modules := tasks()
	if !testing.Short() {
		modules["go"] = buildModule(b, "worker")
	}
	for name, wasm := range modules {
		b.Run(name, func(b *testing.B) {
			p := newPool(b, Config{Slots: 2})
			ways := []contender{inProcess(b, wasm), inChild(b, p, wasm, 0), inChild(b, p, wasm, 1<<50)}
			best := slices.Repeat([]time.Duration{time.Hour}, len(ways))
			for b.Loop() {
				for i, run := range ways {
					best[i] = min(best[i], run())
				}
			}
			b.ReportMetric(best[0].Seconds()*1000, "plain-ms")
			b.ReportMetric(float64(best[0])/float64(best[1]), "speed")
			b.ReportMetric(float64(best[2])/float64(best[1]), "fuel")
		})
	}
}

// BenchmarkUnit is what a unit costs that has nothing to do: of a small module,
// and of one of Go's, whose runtime starts anew for each.
func BenchmarkUnit(b *testing.B) {
	modules := map[string][]byte{"small": printer(answer)}
	if !testing.Short() {
		modules["go"] = buildModule(b, "worker")
	}
	for name, wasm := range modules {
		b.Run(name, func(b *testing.B) {
			p := newPool(b, Config{})
			id, err := p.Load(b.Context(), wasm, true)
			if err != nil {
				b.Fatal(err)
			}
			unit := Unit{Input: []byte(`{"from":0,"count":0}`), Limits: Limits{Fuel: 1 << 40}}
			run := func() {
				if _, err := p.Run(b.Context(), Program{Module: id}, unit); err != nil {
					b.Fatal(err)
				}
			}
			run() // starts the child
			for b.Loop() {
				run()
			}
		})
	}
}
