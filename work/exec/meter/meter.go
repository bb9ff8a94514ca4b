package meter

import "fmt"

const (
	// FuelGlobal is the name under which a metered module exports what is left of
	// its fuel: a mutable i64, 0 at first, that whoever runs it sets.
	FuelGlobal = "batchain.fuel"
	// StartFunction is the name under which it exports what was its start
	// function, to be called first once there is fuel.
	StartFunction = "batchain.start"
	// ImportFuel is what a call of an imported function costs.
	ImportFuel = 500
)

// Rewrite returns wasm with counting built in. It checks only what counting
// rests on: whoever compiles the result must validate it.
func Rewrite(wasm []byte) ([]byte, error) {
	m, err := parse(wasm)
	if err != nil {
		return nil, err
	}
	r := &reader{rest: m.sections[sectionCode]}
	count := uint32(0)
	if m.present[sectionCode] {
		count = r.u32()
	}
	if int(count) != len(m.functions) {
		return nil, fmt.Errorf("%d functions have %d bodies", len(m.functions), count)
	}
	code := appendU32(nil, count)
	var wrappers wrappers
	for n, kind := range m.functions {
		body := r.bytes(r.u32())
		if r.err != nil {
			return nil, r.err
		}
		f := function{module: m, results: m.types[kind], wrappers: &wrappers}
		out, err := f.rewrite(m.params[kind], body)
		if err != nil {
			return nil, fmt.Errorf("function %d: %w", int(m.imported)+n, err)
		}
		code = append(appendU32(code, uint32(len(out))), out...)
	}
	return m.assemble(code, wrappers.types), nil
}

// wrappers are the types of the blocks that bodies are wrapped in, where a type
// of its own is needed: for two results and more.
type wrappers struct {
	types  [][]byte
	byName map[string]uint32
}

// blockType returns the type of a block without parameters and with results.
func (w *wrappers) blockType(m *module, results []byte) []byte {
	switch len(results) {
	case 0:
		return []byte{typeEmpty}
	case 1:
		return results
	}
	index, ok := w.byName[string(results)]
	if !ok {
		index = uint32(len(m.types) + len(w.types))
		w.types = append(w.types, append(appendU32([]byte{0x60, 0}, uint32(len(results))), results...))
		if w.byName == nil {
			w.byName = map[string]uint32{}
		}
		w.byName[string(results)] = index
	}
	return appendConst(nil, uint64(index))
}
