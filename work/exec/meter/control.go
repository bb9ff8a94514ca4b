package meter

// flush ends the segment.
func (f *function) flush() {
	if f.cost > 0 || f.check {
		f.found.segments++
		f.out = f.appendCharge(f.out)
	}
	f.out = append(f.out, f.segment...)
	f.segment, f.cost, f.check = f.segment[:0], 0, false
}

// open writes the beginning of a block.
func (f *function) open(op byte, text []byte) {
	if op == opIf && !f.dead {
		f.cost++
	}
	if op == opLoop {
		f.flush()
	}
	f.segment = append(f.segment, text...)
	f.controls = append(f.controls, control{op: op, dead: f.dead})
	switch op {
	case opIf:
		f.flush()
	case opLoop:
		f.out = append(f.out, f.segment...)
		f.segment = f.segment[:0]
		f.found.loops = true
		f.check = !f.dead
	}
}

func (f *function) otherwise(text []byte) error {
	c := &f.controls[len(f.controls)-1]
	if c.op != opIf {
		return errUnbalanced
	}
	f.flush()
	f.out = append(f.out, text...)
	c.op = opElse
	f.dead = c.dead
	return nil
}

// close writes the end of a block. The end of a loop, and of a block that no
// branch leads out of, is reached from before it only: the segment goes on.
func (f *function) close(text []byte) {
	c := f.controls[len(f.controls)-1]
	f.controls = f.controls[:len(f.controls)-1]
	if len(f.controls) == 0 {
		f.flush()
		if !f.shape.direct() {
			f.leave()
		}
		f.out = append(f.out, text...)
		return
	}
	joins := c.op == opIf || c.op == opElse || c.targeted
	if joins {
		f.flush()
		f.dead = c.dead
	}
	f.segment = append(f.segment, text...)
	if joins {
		f.out = append(f.out, f.segment...)
		f.segment = f.segment[:0]
	}
}

// branch writes an instruction after which another segment begins.
func (f *function) branch(i instruction, text []byte) error {
	labels := i.labels
	switch i.op {
	case opBr, opBrIf:
		labels = []uint32{i.index}
	case opReturn:
		labels = []uint32{uint32(len(f.controls)) - 1}
		text = appendU32([]byte{opBr}, labels[0])
	}
	for _, label := range labels {
		if label >= uint32(len(f.controls)) {
			return errUnbalanced
		}
		target := &f.controls[len(f.controls)-1-int(label)]
		target.targeted = target.targeted || target.op != opLoop
	}
	f.segment = append(f.segment, text...)
	f.flush()
	f.dead = f.dead || i.op != opBrIf
	return nil
}

// call writes a call. The callee counts from the global; a function of WASI
// may end the module, and whoever runs it then looks there.
func (f *function) call(i instruction, text []byte) {
	foreign := i.op == opCall && i.index < f.module.imported
	if foreign && !f.dead {
		f.cost += ImportFuel
	}
	f.found.calls = f.found.calls || !foreign
	spill := !f.shape.direct() && !f.dead
	if spill {
		f.segment = f.appendSpill(f.segment)
	}
	f.segment = append(f.segment, text...)
	if spill && !foreign {
		f.segment = f.appendReload(f.segment)
	}
}
