package replica

import (
	"encoding/binary"

	"github.com/zeebo/blake3"
)

// setHash is the hash of a set, to which members are added and from which they are
// taken one by one: LtHash16 with 1,024 lanes, over BLAKE3 (Lewi et al., "Securing
// Update Propagation with Homomorphic Hashing", 2019). With fewer bits whoever
// leaves members out could choose which, so that the sum comes out the same.
type setHash [1024]uint16

const setHashContext = "batchain 2026 replica set member"

func (h *setHash) add(member digest) {
	for i, lane := range lanes(member) {
		h[i] += lane
	}
}

func (h *setHash) remove(member digest) {
	for i, lane := range lanes(member) {
		h[i] -= lane
	}
}

// root is what an update says of the set.
func (h *setHash) root() digest {
	var buf [2 * len(h)]byte
	for i, lane := range h {
		binary.LittleEndian.PutUint16(buf[2*i:], lane)
	}
	return blake3.Sum256(buf[:])
}

func lanes(member digest) (h setHash) {
	var buf [2 * len(h)]byte
	blake3.DeriveKey(setHashContext, member[:], buf[:])
	for i := range h {
		h[i] = binary.LittleEndian.Uint16(buf[2*i:])
	}
	return h
}
