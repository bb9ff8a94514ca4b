package meter

import "errors"

// maxLocals is the most locals of a function, parameters included: as many as
// wazero takes.
const maxLocals = 50000

var errUnbalanced = errors.New("its blocks do not match")

// function rewrites the body of one function.
//
// A segment is a run of instructions that are all executed when its first one
// is. Its fuel is taken at its beginning.
type function struct {
	module   *module
	results  []byte
	wrappers *wrappers
	shape    shape
	locals   uint32 // of the original; the fuel is the next one, a spare i32 the one after

	out      []byte
	segment  []byte
	cost     uint64
	check    bool // whether the segment is to look if there is fuel left
	dead     bool // whether what comes is never reached
	controls []control
	found    shape
}

// shape is what decides how a function counts.
type shape struct {
	segments int
	loops    bool
	calls    bool // of functions of the module
	bulk     bool // instructions whose cost is seen only when they run
}

// direct reports whether the function takes its fuel from the global at once.
// Others have it in a local while they run, which wazero keeps in a register.
func (s shape) direct() bool { return s.segments <= 1 && !s.loops && !s.bulk }

// control is a block that is open.
type control struct {
	op       byte
	targeted bool // whether a branch leads to its end
	dead     bool // whether it begins where nothing gets
}

// rewrite goes over the body twice: to see its shape, and to write it.
func (f *function) rewrite(params uint32, body []byte) ([]byte, error) {
	r := &reader{rest: body}
	f.locals = params
	groups := r.u32()
	declared := r.rest
	for range groups {
		count := r.u32()
		r.byte()
		if count > maxLocals || f.locals+count > maxLocals {
			r.fail(errors.New("it has too many locals"))
		}
		if r.err != nil {
			return nil, r.err
		}
		f.locals += count
	}
	declared = declared[:len(declared)-len(r.rest)]
	if err := f.expression(*r); err != nil {
		return nil, err
	}
	*f = function{module: f.module, results: f.results, wrappers: f.wrappers, locals: f.locals, shape: f.found}
	if f.shape.direct() {
		f.out = append(appendU32(nil, groups), declared...)
	} else {
		f.out = append(appendU32(nil, groups+2), declared...)
		f.out = append(f.out, 1, typeI64, 1, typeI32)
		f.enter()
	}
	f.check = f.shape.calls
	if err := f.expression(*r); err != nil {
		return nil, err
	}
	return f.out, nil
}

// enter takes the fuel into the local, and opens the block that all ways out
// of the function lead through.
func (f *function) enter() {
	f.out = f.appendReload(f.out)
	f.out = append(append(f.out, opBlock), f.wrappers.blockType(f.module, f.results)...)
}

// leave closes it, and puts back what is left.
func (f *function) leave() {
	f.out = append(f.out, opEnd)
	f.out = f.appendSpill(f.out)
}

// expression goes over the instructions of the body.
func (f *function) expression(r reader) error {
	f.controls = []control{{op: opBlock}}
	for len(f.controls) > 0 {
		before := r.rest
		i := r.instruction(f.module, f.locals)
		if r.err != nil {
			return r.err
		}
		if err := f.instruction(i, before[:len(before)-len(r.rest)]); err != nil {
			return err
		}
	}
	if len(r.rest) > 0 {
		return errUnbalanced
	}
	return nil
}

// instruction writes one, text being its bytes.
func (f *function) instruction(i instruction, text []byte) error {
	switch i.op {
	case opBlock, opLoop, opIf:
		f.open(i.op, text)
		return nil
	case opElse:
		return f.otherwise(text)
	case opEnd:
		f.close(text)
		return nil
	case opNop:
		f.segment = append(f.segment, text...)
		return nil
	}
	if !f.dead {
		f.cost++
	}
	switch i.op {
	case opBr, opBrIf, opBrTable, opReturn, opUnreachable:
		return f.branch(i, text)
	case opCall, opCallIndirect:
		f.call(i, text)
		return nil
	case opMisc:
		f.bulk(i.misc)
	}
	f.segment = append(f.segment, text...)
	return nil
}
