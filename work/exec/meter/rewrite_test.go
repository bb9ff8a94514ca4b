package meter_test

import (
	"context"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/batchain/batchain/work/exec/meter"
	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// one is a module with one function f, from i32 to i32.
func one(body ...any) mt.Module {
	return mt.Module{Pages: 1, Table: 10, Funcs: []mt.Func{{
		Name: "f", Params: []byte{mt.I32}, Results: []byte{mt.I32}, Locals: []byte{mt.I32}, Body: mt.Code(body...),
	}}}
}

// These counts are what bees compare: they never change.
func TestFuelOfInstructions(t *testing.T) {
	zero := mt.Code(mt.I32Const, 0)
	get := mt.Code(mt.LocalGet, uint32(0))
	tests := map[string]struct {
		module mt.Module
		fuel   uint64
	}{
		"nothing":           {one(zero), 1},
		"no code":           {one(mt.Nop, mt.Block, mt.Void, mt.Nop, mt.End, zero), 1},
		"fill 800 bytes":    {one(zero, zero, mt.I32Const, 800, mt.Misc, mt.MemoryFill, byte(0), zero), 5 + 100},
		"copy 807 bytes":    {one(zero, zero, mt.I32Const, 807, mt.Misc, mt.MemoryCopy, byte(0), byte(0), zero), 5 + 100},
		"table of 12":       {one(mt.RefNull, mt.FuncRef, mt.I32Const, 12, mt.Misc, mt.TableGrow, byte(0)), 3 + 12},
		"memory":            {one(mt.I32Const, 1, mt.MemoryGrow, byte(0)), 2},
		"return":            {one(get, mt.Return, zero), 2},
		"loop of 7":         {one(mt.I32Const, 7, mt.LocalSet, uint32(1), mt.Loop, mt.Void, mt.LocalGet, uint32(1), mt.I32Const, 1, mt.I32Sub, mt.LocalTee, uint32(1), mt.BrIf, byte(0), mt.End, zero), 2 + 7*5 + 1},
		"branch over":       {one(mt.Block, mt.Void, mt.I32Const, 1, mt.BrIf, byte(0), zero, mt.Drop, mt.End, zero), 3},
		"branch not over":   {one(mt.Block, mt.Void, mt.I32Const, 0, mt.BrIf, byte(0), zero, mt.Drop, mt.End, zero), 5},
		"block with result": {one(mt.Block, mt.I32, get, mt.Br, byte(0), mt.End), 2},
		"left at once":      {one(zero, mt.Drop, mt.Block, mt.Void, mt.Br, byte(0), mt.End, get), 4},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			instance, closeAll := open(t, rewrite(t, test.module.Bytes()))
			defer closeAll()
			fuel := instance.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal)
			fuel.Set(1 << 20)
			if _, err := instance.ExportedFunction("f").Call(context.Background(), 5); err != nil {
				t.Fatal(err)
			}
			if used := 1<<20 - fuel.Get(); used != test.fuel {
				t.Errorf("used %d, want %d", used, test.fuel)
			}
		})
	}
}

// Two results and more need a type of their own for the block around a body.
func TestManyResults(t *testing.T) {
	two := []byte{mt.I32, mt.I64}
	m := mt.Module{Funcs: []mt.Func{
		{Name: "f", Params: []byte{mt.I32}, Results: two, Body: mt.Code(
			mt.LocalGet, uint32(0), mt.If, mt.Void, mt.I32Const, 1, mt.I64Const, 2, mt.Return, mt.End, mt.I32Const, 3, mt.I64Const, 4)},
		{Name: "g", Params: []byte{mt.I32}, Results: two, Body: mt.Code(mt.Loop, mt.Void, mt.End, mt.LocalGet, uint32(0), mt.Call, uint32(0))},
	}}
	instance, closeAll := open(t, rewrite(t, m.Bytes()))
	defer closeAll()
	instance.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal).Set(1000)
	for argument, want := range map[uint64][2]uint64{0: {3, 4}, 1: {1, 2}} {
		got, err := instance.ExportedFunction("g").Call(context.Background(), argument)
		if err != nil || [2]uint64(got) != want {
			t.Errorf("g(%d) = %v, %v", argument, got, err)
		}
	}
}

// A start function has no fuel before somebody gave some.
func TestStartIsPutOff(t *testing.T) {
	start := uint32(0)
	m := mt.Module{Pages: 1, Start: &start, Funcs: []mt.Func{{Body: mt.Code(mt.I32Const, 0, mt.I32Const, 42, mt.I32Store, byte(2), byte(0))}}}
	instance, closeAll := open(t, rewrite(t, m.Bytes()))
	defer closeAll()
	if value, _ := instance.Memory().ReadUint32Le(0); value != 0 {
		t.Fatal("it started by itself")
	}
	instance.ExportedGlobal(meter.FuelGlobal).(api.MutableGlobal).Set(100)
	if _, err := instance.ExportedFunction(meter.StartFunction).Call(context.Background()); err != nil {
		t.Fatal(err)
	}
	if value, _ := instance.Memory().ReadUint32Le(0); value != 42 {
		t.Fatalf("it did not start: %d", value)
	}
}

// What is added must be out of reach: its fuel is a local of the function, and
// a global, that the module as it came does not have.
func TestNothingGetsAtTheFuel(t *testing.T) {
	loop := mt.Code(mt.Loop, mt.Void, mt.End)
	tests := map[string]mt.Module{
		"global":       one(loop, mt.I64Const, 1<<40, mt.GlobalSet, uint32(0), mt.I32Const, 0),
		"local":        one(loop, mt.I64Const, 1<<40, mt.LocalSet, uint32(2), mt.I32Const, 0),
		"type":         one(mt.Block, uint32(1), mt.End, mt.I32Const, 0),
		"tail call":    one(mt.I32Const, 0, byte(0x12), uint32(0)),
		"atomics":      one(byte(0xfe), byte(3), byte(0), mt.I32Const, 0),
		"no end":       one(mt.Block, mt.Void, mt.I32Const, 0),
		"end too soon": one(mt.I32Const, 0, mt.End),
		"label":        one(mt.Br, uint32(1), mt.I32Const, 0),
		"else":         one(mt.Block, mt.Void, mt.Else, mt.End, mt.I32Const, 0),
	}
	reserved := one(mt.I32Const, 0)
	reserved.Funcs[0].Name = meter.FuelGlobal
	tests["export"] = reserved
	for name, m := range tests {
		if _, err := meter.Rewrite(m.Bytes()); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
	if _, err := meter.Rewrite(rewrite(t, one(loop, mt.I32Const, 0).Bytes())); err == nil {
		t.Error("a metered module is metered again")
	}
}

// FuzzRewrite: whatever comes in, what wazero takes it takes metered, with the
// same exports and two more at most.
func FuzzRewrite(f *testing.F) {
	f.Add([]byte{})
	f.Add(one(mt.I32Const, 0).Bytes())
	f.Add(mt.Module{Imports: mt.WASI(), Pages: 1, Data: []byte("hello"), Funcs: []mt.Func{{Name: "_start", Body: mt.Print(100, 0, 5)}}}.Bytes())
	f.Add(module([]sequence{{repeat{2, sequence{arithmetic{0, 1, 2, mt.I32Add}, leave{0, false, true}}}}, {call{0, 1, 0}}}).Bytes())
	config := wazero.NewRuntimeConfigInterpreter().WithCoreFeatures(api.CoreFeaturesV2)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		if len(wasm) > 4096 {
			t.Skip("longer than what finds more")
		}
		metered, err := meter.Rewrite(wasm)
		ctx := context.Background()
		runtime := wazero.NewRuntimeWithConfig(ctx, config)
		defer runtime.Close(ctx)
		plain, invalid := runtime.CompileModule(ctx, wasm)
		if err != nil || invalid != nil {
			return
		}
		compiled, err := runtime.CompileModule(ctx, metered)
		if err != nil {
			t.Fatalf("%x: %v", wasm, err)
		}
		if more := len(compiled.ExportedFunctions()) - len(plain.ExportedFunctions()); more != 0 && more != 1 {
			t.Errorf("%d exports more", more)
		}
	})
}
