package meter_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/work/exec/meter"
	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// open compiles and instantiates a module.
func open(t rapid.TB, wasm []byte) (api.Module, func()) {
	t.Helper()
	ctx := context.Background()
	runtime := wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig())
	instance, err := runtime.Instantiate(ctx, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return instance, func() { _ = runtime.Close(ctx) }
}

func rewrite(t rapid.TB, wasm []byte) []byte {
	t.Helper()
	metered, err := meter.Rewrite(wasm)
	if err != nil {
		t.Fatal(err)
	}
	return metered
}

// A metered module computes what it did before, and its count is that of who
// goes through the program by hand.
func TestMeteredProgramsCountWhatTheyDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		program := drawProgram(t)
		argument := rapid.Uint32().Draw(t, "argument")
		wasm := module(program).Bytes()
		plain, closePlain := open(t, wasm)
		defer closePlain()
		metered, closeMetered := open(t, rewrite(t, wasm))
		defer closeMetered()
		fuel := metered.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
		for n := range program {
			name := fmt.Sprintf("f%d", n)
			want, cost := walk(program, n, argument)
			fuel.Set(1 << 40)
			for _, instance := range []api.Module{plain, metered} {
				got, err := instance.ExportedFunction(name).Call(context.Background(), uint64(argument))
				if err != nil || uint32(got[0]) != want {
					t.Fatalf("%s(%d) = %v, %v, want %d", name, argument, got, err, want)
				}
			}
			if used := 1<<40 - fuel.Get(); used != cost {
				t.Fatalf("%s(%d) used %d of fuel, want %d", name, argument, used, cost)
			}
		}
	})
}

// With just enough fuel a program ends, and with one less the fuel is
// overdrawn at its end at the latest.
func TestFuelEnds(t *testing.T) {
	program := []sequence{{repeat{4, sequence{arithmetic{0, 0, 3, mt.I32Add}}}}, {call{0, 1, 0}, repeat{3, sequence{call{1, 0, 0}}}}}
	instance, closeAll := open(t, rewrite(t, module(program).Bytes()))
	defer closeAll()
	fuel := instance.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
	_, cost := walk(program, 1, 7)
	for given := uint64(0); given <= cost; given++ {
		fuel.Set(given)
		_, err := instance.ExportedFunction("f1").Call(context.Background(), 7)
		if left := int64(fuel.Get()); (left >= 0) != (given == cost) {
			t.Fatalf("of %d, %d are left with %d given, %v", cost, left, given, err)
		}
	}
}
