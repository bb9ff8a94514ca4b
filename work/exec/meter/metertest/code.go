package metertest

// The instructions that tests need, by their names in the specification.
const (
	Unreachable  byte = 0x00
	Nop          byte = 0x01
	Block        byte = 0x02
	Loop         byte = 0x03
	If           byte = 0x04
	Else         byte = 0x05
	End          byte = 0x0b
	Br           byte = 0x0c
	BrIf         byte = 0x0d
	BrTable      byte = 0x0e
	Return       byte = 0x0f
	Call         byte = 0x10
	CallIndirect byte = 0x11
	Drop         byte = 0x1a
	Select       byte = 0x1b
	LocalGet     byte = 0x20
	LocalSet     byte = 0x21
	LocalTee     byte = 0x22
	GlobalGet    byte = 0x23
	GlobalSet    byte = 0x24
	I32Load      byte = 0x28
	I64Load      byte = 0x29
	I32Store     byte = 0x36
	I64Store     byte = 0x37
	MemoryGrow   byte = 0x40
	I32Const     byte = 0x41
	I64Const     byte = 0x42
	F64Const     byte = 0x44
	I32Eqz       byte = 0x45
	I32LtU       byte = 0x49
	I64Eqz       byte = 0x50
	I32Add       byte = 0x6a
	I32Sub       byte = 0x6b
	I32Mul       byte = 0x6c
	I32DivU      byte = 0x6e
	I32And       byte = 0x71
	I32Xor       byte = 0x73
	I32Shl       byte = 0x74
	I32ShrU      byte = 0x76
	I64Add       byte = 0x7c
	I64Sub       byte = 0x7d
	I64Mul       byte = 0x7e
	I64Xor       byte = 0x85
	I64ShrU      byte = 0x88
	F64Add       byte = 0xa0
	F64Sub       byte = 0xa1
	F64Mul       byte = 0xa2
	F64Div       byte = 0xa3
	Misc         byte = 0xfc // the first of two: see the next ones
	MemoryCopy   byte = 0x0a
	MemoryFill   byte = 0x0b
	TableGrow    byte = 0x0f
	RefNull      byte = 0xd0
	Void         byte = 0x40 // the type of a block without results
	FuncRef      byte = 0x70
)

// U encodes an index or a length.
func U(n uint32) []byte {
	var out []byte
	for n >= 0x80 {
		out = append(out, byte(n)|0x80)
		n >>= 7
	}
	return append(out, byte(n))
}

// S encodes a constant of i32.const or i64.const.
func S(n int64) []byte {
	var out []byte
	for {
		b := byte(n & 0x7f)
		n >>= 7
		if (n == 0 && b&0x40 == 0) || (n == -1 && b&0x40 != 0) {
			return append(out, b)
		}
		out = append(out, b|0x80)
	}
}

// Code puts a body together: bytes are opcodes and immediates that fit one,
// ints constants, uint32s indices, byte slices themselves.
func Code(parts ...any) []byte {
	var out []byte
	for _, part := range parts {
		switch p := part.(type) {
		case byte:
			out = append(out, p)
		case int:
			out = append(out, S(int64(p))...)
		case int64:
			out = append(out, S(p)...)
		case uint32:
			out = append(out, U(p)...)
		case []byte:
			out = append(out, p...)
		default:
			panic("metertest: neither byte, int, uint32 nor bytes")
		}
	}
	return out
}

// Print writes length bytes at address to standard output. It uses the eight
// bytes at address scratch, and needs [WASI].
func Print(scratch, address, length int) []byte {
	return Code(
		I32Const, scratch, I32Const, address, I32Store, byte(2), byte(0),
		I32Const, scratch+4, I32Const, length, I32Store, byte(2), byte(0),
		I32Const, 1, I32Const, scratch, I32Const, 1, I32Const, scratch, Call, FdWrite, Drop,
	)
}
