package exec

import "golang.org/x/sys/unix"

// reserve takes the addresses.
func (m *memory) reserve() bool {
	if m.reserved != nil || m.limit == 0 {
		return true
	}
	reserved, err := unix.Mmap(-1, 0, int(m.limit), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	if err != nil {
		return false
	}
	m.reserved = reserved
	_ = unix.Madvise(reserved, unix.MADV_HUGEPAGE) // a wish
	return true
}

// open makes the first size bytes usable; new ones are zero.
func (m *memory) open(size uint64) bool {
	return size <= m.opened || unix.Mprotect(m.reserved[:size], unix.PROT_READ|unix.PROT_WRITE) == nil
}

// release gives all back to the system.
func (m *memory) release() {
	if m.reserved != nil {
		_ = unix.Munmap(m.reserved) // it is what Mmap gave
	}
	m.reserved, m.opened, m.size = nil, 0, 0
}
