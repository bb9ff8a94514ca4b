package exec

import "github.com/tetratelabs/wazero/experimental"

// memory gives an instance its linear memory, up to a limit. It serves one
// instance of one module.
type memory struct {
	limit    uint64 // bytes
	exceeded bool   // whether more was asked for
}

// Allocate implements [experimental.MemoryAllocator].
func (m *memory) Allocate(_, most uint64) experimental.LinearMemory {
	return &linear{memory: m, most: min(most, m.limit)}
}

// linear is the memory of an instance, in a range of addresses reserved for it:
// growing copies nothing, and freeing gives all back to the system.
type linear struct {
	*memory
	most     uint64
	reserved []byte
	size     uint64
}

// Reallocate implements [experimental.LinearMemory].
func (l *linear) Reallocate(size uint64) []byte {
	if size > l.most {
		l.exceeded = true
		return nil
	}
	if l.reserved == nil && !l.reserve() {
		l.exceeded = true
		return nil
	}
	if !l.open(size) {
		l.exceeded = true
		return nil
	}
	l.size = size
	return l.reserved[:size:size]
}
