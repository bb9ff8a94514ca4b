package meter

import "fmt"

// The instructions that matter here, by their names in the specification.
const (
	opUnreachable  = 0x00
	opNop          = 0x01
	opBlock        = 0x02
	opLoop         = 0x03
	opIf           = 0x04
	opElse         = 0x05
	opEnd          = 0x0b
	opBr           = 0x0c
	opBrIf         = 0x0d
	opBrTable      = 0x0e
	opReturn       = 0x0f
	opCall         = 0x10
	opCallIndirect = 0x11
	opSelectT      = 0x1c
	opLocalGet     = 0x20
	opLocalSet     = 0x21
	opLocalTee     = 0x22
	opGlobalGet    = 0x23
	opGlobalSet    = 0x24
	opTableGet     = 0x25
	opTableSet     = 0x26
	opMemorySize   = 0x3f
	opMemoryGrow   = 0x40
	opI32Const     = 0x41
	opI64Const     = 0x42
	opF32Const     = 0x43
	opF64Const     = 0x44
	opI64LtS       = 0x53
	opI64Sub       = 0x7d
	opI64ShrU      = 0x88
	opI64ExtendU   = 0xad
	opExtend32S    = 0xc4 // the last of the plain ones
	opRefNull      = 0xd0
	opRefIsNull    = 0xd1
	opRefFunc      = 0xd2
	opMisc         = 0xfc // the first of two, as the next
	opVector       = 0xfd

	miscMemoryInit = 8
	miscDataDrop   = 9
	miscMemoryCopy = 10
	miscMemoryFill = 11
	miscTableInit  = 12
	miscElemDrop   = 13
	miscTableCopy  = 14
	miscTableGrow  = 15
	miscTableSize  = 16
	miscTableFill  = 17

	typeI32   = 0x7f
	typeI64   = 0x7e
	typeEmpty = 0x40
)

// instruction is what there is to know of one instruction.
type instruction struct {
	op     byte
	misc   uint32   // the second part of opMisc
	index  uint32   // of a label or a function
	labels []uint32 // of br_table
}

// instruction reads one. limits are what the module has.
func (r *reader) instruction(m *module, locals uint32) instruction {
	i := instruction{op: r.byte()}
	switch op := i.op; {
	case op == opBlock, op == opLoop, op == opIf:
		r.blockType(m)
	case op == opBr, op == opBrIf:
		i.index = r.u32()
	case op == opBrTable:
		for range r.u32() {
			if r.err != nil {
				break
			}
			i.labels = append(i.labels, r.u32())
		}
		i.labels = append(i.labels, r.u32())
	case op == opCall, op == opRefFunc:
		i.index = r.below(m.imported+uint32(len(m.functions)), "function")
	case op == opCallIndirect:
		r.below(uint32(len(m.types)), "type")
		r.u32()
	case op == opSelectT:
		r.bytes(r.u32())
	case op >= opLocalGet && op <= opLocalTee:
		r.below(locals, "local")
	case op == opGlobalGet, op == opGlobalSet:
		r.below(m.globals, "global")
	case op == opTableGet, op == opTableSet:
		r.u32()
	case op > opTableSet+1 && op < opMemorySize:
		r.memoryArgument()
	case op == opMemorySize, op == opMemoryGrow, op == opRefNull:
		r.byte()
	case op == opI32Const:
		r.skipNumber(32)
	case op == opI64Const:
		r.skipNumber(64)
	case op == opF32Const:
		r.bytes(4)
	case op == opF64Const:
		r.bytes(8)
	case op == opMisc:
		i.misc = r.misc()
	case op == opVector:
		r.vector()
	case op <= opNop, op == opElse, op == opEnd, op == opReturn, op == 0x1a, op == 0x1b, op == opRefIsNull:
	case op > opF64Const && op <= opExtend32S:
	default:
		r.fail(fmt.Errorf("instruction %#x is not of WebAssembly 2.0", op))
	}
	return i
}

// blockType reads the type of a block: a byte, or an index.
func (r *reader) blockType(m *module) {
	if len(r.rest) > 0 && r.rest[0]&0xc0 == 0x40 {
		r.byte() // negative as a number: no index
		return
	}
	before := r.rest
	r.skipNumber(33)
	again := reader{rest: before}
	if r.err == nil && again.u32() >= uint32(len(m.types)) {
		r.fail(fmt.Errorf("a block of a type that is none"))
	}
}

func (r *reader) memoryArgument() {
	r.u32()
	r.u32()
}

// misc reads the rest of an instruction that begins with opMisc.
func (r *reader) misc() uint32 {
	op := r.u32()
	switch op {
	case 0, 1, 2, 3, 4, 5, 6, 7:
	case miscMemoryInit, miscMemoryCopy, miscTableInit, miscTableCopy:
		r.u32()
		r.u32()
	case miscDataDrop, miscMemoryFill, miscElemDrop, miscTableGrow, miscTableSize, miscTableFill:
		r.u32()
	default:
		r.fail(fmt.Errorf("instruction 0xfc %d is not of WebAssembly 2.0", op))
	}
	return op
}

// vector reads the rest of an instruction that begins with opVector.
func (r *reader) vector() {
	op := r.u32()
	switch {
	case op <= 11, op == 92, op == 93: // loads and stores
		r.memoryArgument()
	case op == 12, op == 13: // a constant, the lanes of a shuffle
		r.bytes(16)
	case op >= 21 && op <= 34: // one lane
		r.byte()
	case op >= 84 && op <= 91: // one lane, from or to memory
		r.memoryArgument()
		r.byte()
	case op > 275:
		r.fail(fmt.Errorf("instruction 0xfd %d is not of WebAssembly 2.0", op))
	}
}
