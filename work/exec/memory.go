package exec

import "github.com/tetratelabs/wazero/experimental"

// keptMemory is the most bytes of memory that stay with a child from one unit
// to the next. Clearing them costs less than getting pages anew.
const keptMemory = 64 << 20

// memory gives an instance its linear memory, up to a limit. One instance at a
// time has it.
type memory struct {
	limit    uint64 // bytes
	exceeded bool   // whether more was asked for

	reserved []byte // addresses for all that an instance may have
	opened   uint64 // how much of it can be used; zero beyond size
	size     uint64 // what the instance has
}

// serve has the memory serve another instance.
func (m *memory) serve(limit uint64) {
	if m.limit != limit {
		m.release()
	}
	m.limit, m.exceeded = limit, false
}

// Allocate implements [experimental.MemoryAllocator].
func (m *memory) Allocate(uint64, uint64) experimental.LinearMemory { return m }

// Reallocate implements [experimental.LinearMemory]. Growing copies nothing.
func (m *memory) Reallocate(size uint64) []byte {
	if size > m.limit || !m.reserve() || !m.open(size) {
		m.exceeded = true
		return nil
	}
	m.opened, m.size = max(m.opened, size), size
	return m.reserved[:size:size]
}

// Free implements [experimental.LinearMemory].
func (m *memory) Free() {
	if m.opened > keptMemory {
		m.release()
		return
	}
	clear(m.reserved[:m.size])
	m.size = 0
}
