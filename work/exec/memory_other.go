//go:build !linux

package exec

import "slices"

// reserve takes nothing yet: here memory is taken as it is opened.
func (l *linear) reserve() bool {
	l.reserved = []byte{}
	return true
}

// open makes the first size bytes usable; new ones are zero.
func (l *linear) open(size uint64) bool {
	if grow := int(size) - len(l.reserved); grow > 0 {
		l.reserved = slices.Grow(l.reserved, grow)[:size]
	}
	return true
}

// Free implements [experimental.LinearMemory].
func (l *linear) Free() { l.reserved = nil }
