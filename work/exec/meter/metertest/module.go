// Package metertest writes small WebAssembly modules for tests, byte by byte.
package metertest

// The types of values.
const (
	I32 byte = 0x7f
	I64 byte = 0x7e
	F64 byte = 0x7c
)

// Func is a function of a module. Its body lacks the final end.
type Func struct {
	Name            string // exported by it; "" not
	Params, Results []byte
	Locals          []byte // types, one by one
	Body            []byte
}

// Module is a module with at most one memory, exported as "memory". Imports
// come first among its functions.
type Module struct {
	Imports []Import
	Funcs   []Func
	Pages   uint32 // of memory at first; 0: no memory
	Data    []byte // at address 0
	Table   uint32 // funcref elements; 0: no table
	Start   *uint32
}

// Import is a function of WASI, or of another module.
type Import struct {
	Module, Name    string
	Params, Results []byte
}

// The functions of WASI that tests need. A module with WASI has them as
// functions 0 to 3.
const (
	FdWrite uint32 = iota
	FdRead
	ProcExit
	RandomGet
)

// WASI imports fd_write, fd_read, proc_exit and random_get.
func WASI() []Import {
	const name = "wasi_snapshot_preview1"
	return []Import{
		{name, "fd_write", []byte{I32, I32, I32, I32}, []byte{I32}},
		{name, "fd_read", []byte{I32, I32, I32, I32}, []byte{I32}},
		{name, "proc_exit", []byte{I32}, nil},
		{name, "random_get", []byte{I32, I32}, []byte{I32}},
	}
}

// Bytes returns the binary form of m.
func (m Module) Bytes() []byte {
	out := []byte{0, 'a', 's', 'm', 1, 0, 0, 0}
	var types, imports, functions, exports, code vector
	for _, i := range m.Imports {
		imports.add(cat(name(i.Module), name(i.Name), []byte{0}, U(types.count)))
		types.add(signature(i.Params, i.Results))
	}
	for n, f := range m.Funcs {
		functions.add(U(types.count))
		types.add(signature(f.Params, f.Results))
		if f.Name != "" {
			exports.add(cat(name(f.Name), []byte{0}, U(uint32(len(m.Imports)+n))))
		}
		var locals vector
		for _, t := range f.Locals {
			locals.add([]byte{1, t})
		}
		body := cat(locals.bytes(), f.Body, []byte{End})
		code.add(cat(U(uint32(len(body))), body))
	}
	out = section(out, 1, types.bytes())
	if imports.count > 0 {
		out = section(out, 2, imports.bytes())
	}
	out = section(out, 3, functions.bytes())
	if m.Table > 0 {
		out = section(out, 4, cat([]byte{1, 0x70, 0}, U(m.Table)))
	}
	if m.Pages > 0 {
		out = section(out, 5, cat([]byte{1, 0}, U(m.Pages)))
		exports.add(cat(name("memory"), []byte{2, 0}))
	}
	out = section(out, 7, exports.bytes())
	if m.Start != nil {
		out = section(out, 8, U(*m.Start))
	}
	out = section(out, 10, code.bytes())
	if len(m.Data) > 0 {
		out = section(out, 11, cat([]byte{1, 0, I32Const, 0, End}, U(uint32(len(m.Data))), m.Data))
	}
	return out
}

// vector is a list with its length before it.
type vector struct {
	count uint32
	items []byte
}

func (v *vector) add(item []byte) {
	v.count++
	v.items = append(v.items, item...)
}

func (v *vector) bytes() []byte { return append(U(v.count), v.items...) }

func section(out []byte, id byte, content []byte) []byte {
	return cat(out, []byte{id}, U(uint32(len(content))), content)
}

func signature(params, results []byte) []byte {
	return cat([]byte{0x60}, U(uint32(len(params))), params, U(uint32(len(results))), results)
}

func name(s string) []byte { return append(U(uint32(len(s))), s...) }

func cat(parts ...[]byte) []byte {
	var out []byte
	for _, part := range parts {
		out = append(out, part...)
	}
	return out
}
