package meter_test

import (
	"slices"

	"pgregory.net/rapid"

	mt "github.com/batchain/batchain/work/exec/meter/metertest"
)

// A program is a tree of statements over three i32 locals, that can be written
// as WebAssembly and walked here: two ways to the same values, and to the same
// count of instructions. Every loop has a counter, so all programs end.
type statement interface {
	// code appends the instructions; depth is how many blocks are open.
	code(w *writer) []byte
	// run does the same here.
	run(s *state) flow
}

// variables are the locals that statements work on; loops count in others.
const variables = 3

type writer struct {
	loops  uint32   // locals taken by loops
	labels []string // what blocks are open, the innermost last
}

// state is a function while it is walked.
type state struct {
	locals [variables]uint32
	cost   uint64
	blocks int // of kind leavable that are open
	calls  []sequence
}

// flow says how a statement ended.
type flow int

const (
	returns flow = iota - 1
	falls
	leaves // the innermost block of kind leavable
)

// arithmetic is a = b op constant: 4 instructions.
type arithmetic struct {
	a, b, constant uint32
	op             byte
}

func (a arithmetic) code(*writer) []byte {
	return mt.Code(mt.LocalGet, a.b, mt.I32Const, int(int32(a.constant)), a.op, mt.LocalSet, a.a)
}

func (a arithmetic) run(s *state) flow {
	s.cost += 4
	b := s.locals[a.b]
	switch a.op {
	case mt.I32Add:
		b += a.constant
	case mt.I32Mul:
		b *= a.constant
	case mt.I32Xor:
		b ^= a.constant
	}
	s.locals[a.a] = b
	return falls
}

// call is a = f(b), with 3 instructions besides what f does.
type call struct {
	a, b   uint32
	callee int
}

func (c call) code(*writer) []byte {
	return mt.Code(mt.LocalGet, c.b, mt.Call, uint32(c.callee), mt.LocalSet, c.a)
}

func (c call) run(s *state) flow {
	s.cost += 3
	result, cost := walk(s.calls, c.callee, s.locals[c.b])
	s.cost += cost
	s.locals[c.a] = result
	return falls
}

// choice is if a&1 … else …: 4 instructions.
type choice struct {
	a         uint32
	yes, no   sequence
	otherwise bool // whether there is an else
}

func (c choice) code(w *writer) []byte {
	w.labels = append(w.labels, "if")
	out := mt.Code(mt.LocalGet, c.a, mt.I32Const, 1, mt.I32And, mt.If, mt.Void, c.yes.code(w))
	if c.otherwise {
		out = mt.Code(out, mt.Else, c.no.code(w))
	}
	w.labels = w.labels[:len(w.labels)-1]
	return mt.Code(out, mt.End)
}

func (c choice) run(s *state) flow {
	s.cost += 4
	switch {
	case s.locals[c.a]&1 == 1:
		return c.yes.run(s)
	case c.otherwise:
		return c.no.run(s)
	}
	return falls
}

// leavable is a block that leave gets out of.
type leavable struct{ inner sequence }

func (l leavable) code(w *writer) []byte {
	w.labels = append(w.labels, "block")
	out := mt.Code(mt.Block, mt.Void, l.inner.code(w), mt.End)
	w.labels = w.labels[:len(w.labels)-1]
	return out
}

func (l leavable) run(s *state) flow {
	s.blocks++
	f := l.inner.run(s)
	s.blocks--
	return min(f, falls)
}

// leave gets out of the innermost block of kind leavable if a&2, or always:
// 4 instructions, or 1. Outside of any it returns, which takes one more.
type leave struct {
	a      uint32
	always bool
	table  bool // by br_table: 2 instructions
}

func (l leave) code(w *writer) []byte {
	depth := -1
	for i := range w.labels {
		if w.labels[len(w.labels)-1-i] == "block" {
			depth = i
			break
		}
	}
	switch {
	case depth < 0:
		return mt.Code(mt.LocalGet, l.a, mt.Return)
	case l.table:
		return mt.Code(mt.LocalGet, l.a, mt.BrTable, byte(1), uint32(depth), uint32(depth))
	case l.always:
		return mt.Code(mt.Br, uint32(depth))
	}
	return mt.Code(mt.LocalGet, l.a, mt.I32Const, 2, mt.I32And, mt.BrIf, uint32(depth))
}

func (l leave) run(s *state) flow {
	switch {
	case s.blocks == 0:
		s.cost += 2
		s.locals[0] = s.locals[l.a]
		return returns
	case l.table:
		s.cost += 2
		return leaves
	case l.always:
		s.cost++
		return leaves
	}
	s.cost += 4
	if s.locals[l.a]&2 != 0 {
		return leaves
	}
	return falls
}

// repeat does its statements times over: 2 instructions before, 6 a round.
type repeat struct {
	times uint32
	inner sequence
}

func (r repeat) code(w *writer) []byte {
	counter := variables + w.loops
	w.loops++
	w.labels = append(w.labels, "loop")
	out := mt.Code(mt.I32Const, int(r.times), mt.LocalSet, counter, mt.Loop, mt.Void, r.inner.code(w),
		mt.LocalGet, counter, mt.I32Const, 1, mt.I32Sub, mt.LocalTee, counter, mt.BrIf, byte(0), mt.End)
	w.labels = w.labels[:len(w.labels)-1]
	return out
}

func (r repeat) run(s *state) flow {
	s.cost += 2
	for range r.times {
		if f := r.inner.run(s); f != falls {
			return f
		}
		s.cost += 5
	}
	return falls
}

type sequence []statement

func (q sequence) code(w *writer) []byte {
	var out []byte
	for _, s := range q {
		out = append(out, s.code(w)...)
	}
	return out
}

func (q sequence) run(s *state) flow {
	for _, statement := range q {
		if f := statement.run(s); f != falls {
			return f
		}
	}
	return falls
}

// walk runs function n of a program and returns its result and its cost.
func walk(program []sequence, n int, argument uint32) (result uint32, cost uint64) {
	s := &state{calls: program}
	s.locals[0] = argument
	if program[n].run(s) == falls {
		s.cost++ // the local that is the result
	}
	return s.locals[0], s.cost
}

// module writes a program: function n is exported as f0, f1 …; each takes and
// returns an i32.
func module(program []sequence) mt.Module {
	var m mt.Module
	for n, q := range program {
		w := &writer{}
		body := mt.Code(q.code(w), mt.LocalGet, uint32(0))
		m.Funcs = append(m.Funcs, mt.Func{
			Name: "f" + string(rune('0'+n)), Params: []byte{mt.I32}, Results: []byte{mt.I32},
			Locals: slices.Repeat([]byte{mt.I32}, variables-1+int(w.loops)), Body: body,
		})
	}
	return m
}

// drawProgram draws functions of which each calls only earlier ones.
func drawProgram(t *rapid.T) []sequence {
	var program []sequence
	for range rapid.IntRange(1, 4).Draw(t, "functions") {
		program = append(program, drawSequence(t, 3, len(program)))
	}
	return program
}

func drawSequence(t *rapid.T, depth, callees int) sequence {
	var q sequence
	for range rapid.IntRange(0, 4).Draw(t, "length") {
		q = append(q, drawStatement(t, depth, callees))
	}
	return q
}

func drawStatement(t *rapid.T, depth, callees int) statement {
	local := rapid.Uint32Range(0, variables-1)
	kind := rapid.IntRange(0, 5).Draw(t, "kind")
	switch {
	case kind == 1 && callees > 0:
		return call{local.Draw(t, "a"), local.Draw(t, "b"), rapid.IntRange(0, callees-1).Draw(t, "callee")}
	case kind == 2:
		return leave{local.Draw(t, "a"), rapid.Bool().Draw(t, "always"), rapid.Bool().Draw(t, "table")}
	case kind == 3 && depth > 0:
		return choice{local.Draw(t, "a"), drawSequence(t, depth-1, callees), drawSequence(t, depth-1, callees), rapid.Bool().Draw(t, "else")}
	case kind == 4 && depth > 0:
		return leavable{drawSequence(t, depth-1, callees)}
	case kind == 5 && depth > 0:
		return repeat{rapid.Uint32Range(1, 4).Draw(t, "times"), drawSequence(t, depth-1, callees)}
	}
	op := rapid.SampledFrom([]byte{mt.I32Add, mt.I32Mul, mt.I32Xor}).Draw(t, "op")
	return arithmetic{local.Draw(t, "a"), local.Draw(t, "b"), rapid.Uint32().Draw(t, "constant"), op}
}
