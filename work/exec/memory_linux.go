package exec

import "golang.org/x/sys/unix"

// reserve takes addresses for all that the instance may ever have.
func (l *linear) reserve() bool {
	if l.most == 0 {
		l.reserved = []byte{}
		return true
	}
	reserved, err := unix.Mmap(-1, 0, int(l.most), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANON|unix.MAP_NORESERVE)
	l.reserved = reserved
	return err == nil
}

// open makes the first size bytes usable; new ones are zero.
func (l *linear) open(size uint64) bool {
	if size <= l.size {
		return true
	}
	return unix.Mprotect(l.reserved[:size], unix.PROT_READ|unix.PROT_WRITE) == nil
}

// Free implements [experimental.LinearMemory].
func (l *linear) Free() {
	if len(l.reserved) > 0 {
		_ = unix.Munmap(l.reserved) // it is one that Mmap gave
	}
	l.reserved = nil
}
