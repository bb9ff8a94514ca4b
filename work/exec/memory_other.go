//go:build !linux

package exec

import "slices"

// reserve does nothing: here memory is taken as it is opened.
func (m *memory) reserve() bool { return true }

// open makes the first size bytes usable; new ones are zero.
func (m *memory) open(size uint64) bool {
	if grow := int(size) - len(m.reserved); grow > 0 {
		m.reserved = slices.Grow(m.reserved, grow)[:size]
	}
	return true
}

// release gives all back.
func (m *memory) release() { m.reserved, m.opened, m.size = nil, 0, 0 }
