package meter

// appendCharge appends what takes the fuel of a segment, and stops the module
// when there is none left.
func (f *function) appendCharge(buf []byte) []byte {
	get, set := f.appendGet, f.appendSet
	if f.cost > 0 {
		buf = appendConst(append(get(buf), opI64Const), f.cost)
		buf = set(append(buf, opI64Sub))
	}
	if !f.check {
		return buf
	}
	buf = append(get(buf), opI64Const, 0, opI64LtS, opIf, typeEmpty)
	if !f.shape.direct() {
		buf = f.appendSpill(buf)
	}
	return append(buf, opUnreachable, opEnd)
}

// appendGet appends what puts the fuel that is left on the stack.
func (f *function) appendGet(buf []byte) []byte {
	if f.shape.direct() {
		return appendU32(append(buf, opGlobalGet), f.module.globals)
	}
	return appendU32(append(buf, opLocalGet), f.locals)
}

// appendSet appends what takes it from there.
func (f *function) appendSet(buf []byte) []byte {
	if f.shape.direct() {
		return appendU32(append(buf, opGlobalSet), f.module.globals)
	}
	return appendU32(append(buf, opLocalSet), f.locals)
}

// appendSpill appends what brings the fuel from the local to the global.
func (f *function) appendSpill(buf []byte) []byte {
	buf = appendU32(append(buf, opLocalGet), f.locals)
	return appendU32(append(buf, opGlobalSet), f.module.globals)
}

// appendReload appends what brings it back.
func (f *function) appendReload(buf []byte) []byte {
	buf = appendU32(append(buf, opGlobalGet), f.module.globals)
	return appendU32(append(buf, opLocalSet), f.locals)
}

// bulk charges an instruction that works on as many bytes or elements as the
// number on top of the stack says: 1 for 8 bytes, or for an element.
func (f *function) bulk(op uint32) {
	shift := byte(0)
	switch op {
	case miscMemoryInit, miscMemoryCopy, miscMemoryFill:
		shift = 3
	case miscTableInit, miscTableCopy, miscTableGrow, miscTableFill:
	default:
		return
	}
	f.found.bulk = true
	if f.shape.direct() || f.dead {
		return // the first pass, or never reached
	}
	spare := f.locals + 1
	f.segment = appendU32(append(f.segment, opLocalSet), spare)
	f.segment = f.appendGet(f.segment)
	f.segment = appendU32(append(f.segment, opLocalGet), spare)
	f.segment = append(f.segment, opI64ExtendU, opI64Const, shift, opI64ShrU, opI64Sub)
	f.segment = f.appendSet(f.segment)
	f.segment = appendU32(append(f.segment, opLocalGet), spare)
}
