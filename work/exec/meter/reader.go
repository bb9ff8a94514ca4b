package meter

import (
	"errors"
	"fmt"
)

var (
	errShort  = errors.New("it ends in the middle")
	errNumber = errors.New("a number is too long")
)

// reader reads a part of a module. After an error it reads zeros; err keeps the
// first one.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.rest = nil
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail(errShort)
		return 0
	}
	b := r.rest[0]
	r.rest = r.rest[1:]
	return b
}

func (r *reader) bytes(n uint32) []byte {
	if uint64(n) > uint64(len(r.rest)) {
		r.fail(errShort)
		return nil
	}
	b := r.rest[:n]
	r.rest = r.rest[n:]
	return b
}

// u32 reads an index or a length.
func (r *reader) u32() uint32 {
	var n uint64
	for shift := 0; shift < 35; shift += 7 {
		b := r.byte()
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			if n > 1<<32-1 {
				break
			}
			return uint32(n)
		}
	}
	r.fail(errNumber)
	return 0
}

// skipNumber passes over a signed number of at most bits bits.
func (r *reader) skipNumber(bits int) {
	for range (bits + 6) / 7 {
		if r.byte() < 0x80 {
			return
		}
	}
	r.fail(errNumber)
}

func (r *reader) name() string { return string(r.bytes(r.u32())) }

// below reads an index and refuses those that the module as it came does not
// have: what is added to it must not be in its reach.
func (r *reader) below(count uint32, what string) uint32 {
	n := r.u32()
	if n >= count {
		r.fail(fmt.Errorf("there is no %s %d", what, n))
	}
	return n
}

// appendU32 appends an index or a length.
func appendU32(buf []byte, n uint32) []byte {
	for n >= 0x80 {
		buf = append(buf, byte(n)|0x80)
		n >>= 7
	}
	return append(buf, byte(n))
}

// appendConst appends the number of an i64.const that is not negative.
func appendConst(buf []byte, n uint64) []byte {
	for n >= 0x40 {
		buf = append(buf, byte(n)|0x80)
		n >>= 7
	}
	return append(buf, byte(n))
}
