package guesttest

import (
	"encoding/binary"
	"math"

	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// Instructions that metertest has no name for.
const (
	i32Load8U  byte = 0x2d
	i32Store8  byte = 0x3a
	i32GtU     byte = 0x4b
	i64Eq      byte = 0x51
	i64LtS     byte = 0x53
	i64DivU    byte = 0x80
	i64RemU    byte = 0x82
	i64And     byte = 0x83
	f64Gt      byte = 0x64
	i32WrapI64 byte = 0xa7
	i64ExtendU byte = 0xad
	f64FromI32 byte = 0xb8
	f64FromI64 byte = 0xba
)

// Where things are in memory.
const (
	ready   = 0    // what every answer begins with
	refusal = 256  // what is said of an input that is no number
	vector  = 1024 // of fd_read and fd_write, and what they return
	digits  = 2048 // where a number ends that is written
	input   = 4096 // what was read
	room    = 60000
	output  = 1 << 16
)

// The texts.
const (
	readyText   = `{"type":"ready","proto":1}` + "\n" + `{"type":"result","id":1,"data":`
	refusalText = `{"type":"ready","proto":1}` + "\n" + `{"type":"error","id":1,"code":"input","message":"a whole number is needed"}` + "\n"
	endText     = "}\n"
)

// The functions after those of WASI: the work itself, what it calls, and the
// entry.
const (
	read  uint32 = 4 + iota // → i64: the input
	write                   // (address, length)
	start
)

// guest puts a module together whose answer is what body writes; body has the
// input in local 0 and as many more locals as there are types.
func guest(body []byte, locals ...byte) []byte {
	data := make([]byte, refusal+len(refusalText)+len(endText))
	copy(data[ready:], readyText)
	copy(data[refusal:], refusalText)
	copy(data[refusal+len(refusalText):], endText)
	entry := mt.Code(
		mt.Call, read, mt.LocalSet, uint32(0),
		say(ready, len(readyText)), body, say(refusal+len(refusalText), len(endText)),
	)
	return mt.Module{Imports: mt.WASI(), Pages: 3, Data: data, Funcs: []mt.Func{
		{Results: []byte{mt.I64}, Locals: []byte{mt.I32, mt.I32, mt.I64, mt.I32, mt.I32}, Body: readBody()},
		{Params: []byte{mt.I32, mt.I32}, Body: mt.Code(
			mt.I32Const, vector, mt.LocalGet, uint32(0), mt.I32Store, byte(2), byte(0),
			mt.I32Const, vector+4, mt.LocalGet, uint32(1), mt.I32Store, byte(2), byte(0),
			mt.I32Const, 1, mt.I32Const, vector, mt.I32Const, 1, mt.I32Const, vector+8, mt.Call, mt.FdWrite, mt.Drop,
		)},
		{Name: "_start", Locals: append([]byte{mt.I64}, locals...), Body: entry},
	}}.Bytes()
}

func say(address, length int) []byte {
	return mt.Code(mt.I32Const, address, mt.I32Const, length, mt.Call, write)
}

// readBody reads standard input to its end and the number after "input":.
func readBody() []byte {
	const length, at, number, digit, count = uint32(0), uint32(1), uint32(2), uint32(3), uint32(4)
	name := int64(binary.LittleEndian.Uint64([]byte(`"input":`)))
	return mt.Code(
		mt.Loop, mt.Void,
		mt.I32Const, vector, mt.I32Const, input, mt.LocalGet, length, mt.I32Add, mt.I32Store, byte(2), byte(0),
		mt.I32Const, vector+4, mt.I32Const, room, mt.LocalGet, length, mt.I32Sub, mt.I32Store, byte(2), byte(0),
		mt.I32Const, 0, mt.I32Const, vector, mt.I32Const, 1, mt.I32Const, vector+8, mt.Call, mt.FdRead, mt.Drop,
		mt.LocalGet, length, mt.I32Const, vector+8, mt.I32Load, byte(2), byte(0), mt.I32Add, mt.LocalSet, length,
		mt.I32Const, vector+8, mt.I32Load, byte(2), byte(0), mt.BrIf, byte(0),
		mt.End,

		mt.I32Const, input, mt.LocalSet, at,
		mt.Block, mt.Void, mt.Loop, mt.Void,
		mt.LocalGet, at, mt.I64Load, byte(0), byte(0), mt.I64Const, name, i64Eq, mt.BrIf, byte(1),
		mt.LocalGet, at, mt.I32Const, 1, mt.I32Add, mt.LocalTee, at, mt.I32Const, input+room, mt.I32LtU, mt.BrIf, byte(0),
		mt.End, mt.End,
		mt.LocalGet, at, mt.I32Const, 8, mt.I32Add, mt.LocalSet, at,

		mt.Block, mt.Void, mt.Loop, mt.Void,
		mt.LocalGet, at, i32Load8U, byte(0), byte(0), mt.I32Const, int('0'), mt.I32Sub, mt.LocalTee, digit, mt.I32Const, 9, i32GtU, mt.BrIf, byte(1),
		mt.LocalGet, number, mt.I64Const, 10, mt.I64Mul, mt.LocalGet, digit, i64ExtendU, mt.I64Add, mt.LocalSet, number,
		mt.LocalGet, at, mt.I32Const, 1, mt.I32Add, mt.LocalSet, at,
		mt.LocalGet, count, mt.I32Const, 1, mt.I32Add, mt.LocalSet, count,
		mt.Br, byte(0),
		mt.End, mt.End,

		mt.LocalGet, count, mt.I32Eqz, mt.If, mt.Void,
		say(refusal, len(refusalText)), mt.I32Const, 0, mt.Call, mt.ProcExit,
		mt.End,
		mt.LocalGet, number,
	)
}

// sayNumber writes the signed number in a local, and changes it and two more
// locals of type i32.
func sayNumber(number, at, minus uint32) []byte {
	return mt.Code(
		mt.I32Const, digits, mt.LocalSet, at, mt.I32Const, 0, mt.LocalSet, minus,
		mt.LocalGet, number, mt.I64Const, 0, i64LtS, mt.If, mt.Void,
		mt.I32Const, 1, mt.LocalSet, minus, mt.I64Const, 0, mt.LocalGet, number, mt.I64Sub, mt.LocalSet, number,
		mt.End,
		mt.Loop, mt.Void,
		mt.LocalGet, at, mt.I32Const, 1, mt.I32Sub, mt.LocalTee, at,
		mt.LocalGet, number, mt.I64Const, 10, i64RemU, i32WrapI64, mt.I32Const, int('0'), mt.I32Add, i32Store8, byte(0), byte(0),
		mt.LocalGet, number, mt.I64Const, 10, i64DivU, mt.LocalTee, number, mt.I64Const, 0, i64Eq, mt.I32Eqz, mt.BrIf, byte(0),
		mt.End,
		mt.LocalGet, minus, mt.If, mt.Void,
		mt.LocalGet, at, mt.I32Const, 1, mt.I32Sub, mt.LocalTee, at, mt.I32Const, int('-'), i32Store8, byte(0), byte(0),
		mt.End,
		mt.LocalGet, at, mt.I32Const, digits, mt.LocalGet, at, mt.I32Sub, mt.Call, write,
	)
}

func float(f float64) []byte { return binary.LittleEndian.AppendUint64(nil, math.Float64bits(f)) }
