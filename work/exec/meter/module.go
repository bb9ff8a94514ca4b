package meter

import (
	"errors"
	"fmt"
)

// The sections of a module, by their numbers.
const (
	sectionCustom   = 0
	sectionType     = 1
	sectionImport   = 2
	sectionFunction = 3
	sectionGlobal   = 6
	sectionExport   = 7
	sectionStart    = 8
	sectionCode     = 10
	sectionCount    = 13
)

// sectionOrder is the order in which sections stand in a module.
var sectionOrder = []byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 12, 10, 11}

// header begins every module: magic and version.
const header = "\x00asm\x01\x00\x00\x00"

// module is what counting needs to know of a module.
type module struct {
	sections [sectionCount][]byte
	present  [sectionCount]bool
	names    []byte // the custom section "name", whole

	types     [][]byte // the results of each
	params    []uint32 // how many parameters each has
	imported  uint32   // functions
	functions []uint32 // the type of each that it defines
	globals   uint32   // imported and defined
	start     *uint32
}

// parse takes a module apart, as far as it is needed.
func parse(wasm []byte) (*module, error) {
	if len(wasm) < len(header) || string(wasm[:len(header)]) != header {
		return nil, errors.New("it does not begin as a module does")
	}
	m := &module{}
	for r := (&reader{rest: wasm[len(header):]}); len(r.rest) > 0; {
		id := r.byte()
		content := r.bytes(r.u32())
		switch {
		case r.err != nil:
			return nil, r.err
		case id == sectionCustom:
			if inner := (&reader{rest: content}); inner.name() == "name" && inner.err == nil {
				m.names = content
			}
		case id >= sectionCount || m.present[id]:
			return nil, fmt.Errorf("section %d is unknown or comes twice", id)
		default:
			m.sections[id], m.present[id] = content, true
		}
	}
	for _, part := range []struct {
		id   byte
		read func(*reader)
	}{
		{sectionType, m.readTypes}, {sectionImport, m.readImports}, {sectionFunction, m.readFunctions},
		{sectionGlobal, m.readGlobals}, {sectionExport, m.readExports}, {sectionStart, m.readStart},
	} {
		if !m.present[part.id] {
			continue
		}
		r := &reader{rest: m.sections[part.id]}
		part.read(r)
		if r.err != nil {
			return nil, fmt.Errorf("section %d: %w", part.id, r.err)
		}
	}
	return m, nil
}

func (m *module) readTypes(r *reader) {
	for count := r.u32(); uint32(len(m.types)) < count && r.err == nil; {
		if form := r.byte(); form != 0x60 {
			r.fail(fmt.Errorf("type form %#x", form))
		}
		m.params = append(m.params, uint32(len(r.bytes(r.u32()))))
		m.types = append(m.types, r.bytes(r.u32()))
	}
}

func (m *module) readImports(r *reader) {
	for count := r.u32(); count > 0 && r.err == nil; count-- {
		r.name()
		r.name()
		switch kind := r.byte(); kind {
		case 0:
			r.below(uint32(len(m.types)), "type")
			m.imported++
		default:
			r.fail(fmt.Errorf("it imports something that is no function (%d)", kind))
		}
	}
}

func (m *module) readFunctions(r *reader) {
	for count := r.u32(); uint32(len(m.functions)) < count && r.err == nil; {
		m.functions = append(m.functions, r.below(uint32(len(m.types)), "type"))
	}
}

func (m *module) readGlobals(r *reader) { m.globals = r.u32() }

func (m *module) readExports(r *reader) {
	for count := r.u32(); count > 0 && r.err == nil; count-- {
		if name := r.name(); name == FuelGlobal || name == StartFunction {
			r.fail(fmt.Errorf("it exports a name that is reserved, %s", name))
		}
		r.byte()
		r.u32()
	}
}

func (m *module) readStart(r *reader) {
	start := r.u32()
	m.start = &start
}

// assemble puts the module together again, with the code and the types that
// counting needs.
func (m *module) assemble(code []byte, types [][]byte) []byte {
	m.sections[sectionCode] = code
	m.extend(sectionType, types...)
	m.extend(sectionGlobal, []byte{typeI64, 1, opI64Const, 0, opEnd})
	exports := [][]byte{appendU32(export(FuelGlobal, 3), m.globals)}
	if m.start != nil {
		exports = append(exports, appendU32(export(StartFunction, 0), *m.start))
		m.present[sectionStart] = false
	}
	m.extend(sectionExport, exports...)
	out := []byte(header)
	for _, id := range sectionOrder {
		if m.present[id] {
			out = appendU32(append(out, id), uint32(len(m.sections[id])))
			out = append(out, m.sections[id]...)
		}
	}
	if m.names != nil {
		out = appendU32(append(out, sectionCustom), uint32(len(m.names)))
		out = append(out, m.names...)
	}
	return out
}

// extend adds items to a section that is a list.
func (m *module) extend(id byte, items ...[]byte) {
	if len(items) == 0 {
		return
	}
	r := &reader{rest: m.sections[id]}
	count := uint32(0)
	if m.present[id] {
		count = r.u32()
	}
	content := append(appendU32(nil, count+uint32(len(items))), r.rest...)
	for _, item := range items {
		content = append(content, item...)
	}
	m.sections[id], m.present[id] = content, true
}

func export(name string, kind byte) []byte {
	return append(append(appendU32(nil, uint32(len(name))), name...), kind)
}
