package exec

import (
	"encoding/binary"
	"math"

	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// float is the immediate of f64.const.
func float(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }

// counting runs body while it leaves something other than 0: rounds times, with
// the round in local 0.
func counting(rounds int, body []byte) []byte {
	return mt.Code(mt.I32Const, rounds, mt.LocalSet, uint32(0), mt.Loop, mt.Void, body,
		mt.LocalGet, uint32(0), mt.I32Const, 1, mt.I32Sub, mt.LocalTee, uint32(0), mt.BrIf, byte(0), mt.End)
}

// tasks are modules that work for some 100 ms each.
func tasks() map[string][]byte {
	finish := mt.Print(60000, 0, len(answer))
	build := func(pages uint32, locals []byte, body []byte, more ...mt.Func) []byte {
		start := mt.Func{Name: "_start", Locals: locals, Body: mt.Code(body, finish)}
		return mt.Module{Imports: mt.WASI(), Pages: pages, Data: []byte(answer), Funcs: append([]mt.Func{start}, more...)}.Bytes()
	}
	leibniz := mt.Code(mt.LocalGet, uint32(1), mt.LocalGet, uint32(2), mt.LocalGet, uint32(3), mt.F64Div, mt.F64Add, mt.LocalSet, uint32(1),
		mt.F64Const, float(0), mt.LocalGet, uint32(2), mt.F64Sub, mt.LocalSet, uint32(2),
		mt.LocalGet, uint32(3), mt.F64Const, float(2), mt.F64Add, mt.LocalSet, uint32(3))
	random := mt.Code(mt.LocalGet, uint32(1), mt.I64Const, int64(6364136223846793005), mt.I64Mul, mt.I64Const, int64(1442695040888963407), mt.I64Add,
		mt.LocalTee, uint32(1), mt.I64Const, 33, mt.I64ShrU, mt.LocalGet, uint32(1), mt.I64Xor, mt.LocalSet, uint32(1))
	sieve := mt.Code( // of memory 1 MiB to 9 MiB: a[i*4099] += a[i]
		mt.LocalGet, uint32(0), mt.I32Const, 4099*8, mt.I32Mul, mt.I32Const, 8<<20-1&^7, mt.I32And, mt.LocalTee, uint32(1),
		mt.LocalGet, uint32(1), mt.I64Load, byte(3), mt.U(1<<20), mt.LocalGet, uint32(0), mt.I32Const, 3, mt.I32Shl, mt.I32Const, 8<<20-1, mt.I32And,
		mt.I64Load, byte(3), mt.U(1<<20), mt.I64Add, mt.I64Const, 1, mt.I64Add, mt.I64Store, byte(3), mt.U(1<<20))
	fib := mt.Func{Params: []byte{mt.I32}, Results: []byte{mt.I32}, Body: mt.Code(
		mt.LocalGet, uint32(0), mt.I32Const, 2, mt.I32LtU, mt.If, mt.Void, mt.LocalGet, uint32(0), mt.Return, mt.End,
		mt.LocalGet, uint32(0), mt.I32Const, 1, mt.I32Sub, mt.Call, uint32(5), mt.LocalGet, uint32(0), mt.I32Const, 2, mt.I32Sub, mt.Call, uint32(5), mt.I32Add)}
	return map[string][]byte{
		"floats": build(1, []byte{mt.I32, mt.F64, mt.F64, mt.F64}, mt.Code(mt.F64Const, float(1), mt.LocalTee, uint32(2), mt.LocalSet, uint32(3), counting(50e6, leibniz))),
		"ints":   build(1, []byte{mt.I32, mt.I64}, counting(100e6, random)),
		"memory": build(160, []byte{mt.I32, mt.I32}, counting(20e6, sieve)),
		"calls":  build(1, nil, mt.Code(mt.I32Const, 34, mt.Call, uint32(5), mt.Drop), fib),
	}
}
