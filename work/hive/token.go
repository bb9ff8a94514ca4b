package hive

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// A token is one AES block:
//
//	project uint32 | unit uint48 | attempt uint8 | first 5 bytes of SHA-256(bee)
//
// So a bee cannot tell which unit it has, whether it is a spot check, or make a
// token that this hive never gave to it; and the hive knows its own again
// without keeping them.

// checkAttempt is the attempt's number in the token of a spot check, whose unit is
// the check's own number.
const checkAttempt = 0xff

func (h *Hive) token(project uint32, seq uint64, attempt uint8, bee peer.ID) (token work.Token) {
	var plain [16]byte
	binary.BigEndian.PutUint64(plain[2:], seq)
	binary.BigEndian.PutUint32(plain[:], project) // over the two high bytes of seq, which are 0
	plain[10] = attempt
	copy(plain[11:], beeMark(bee))
	h.block.Encrypt(token[:], plain[:])
	return token
}

// openToken reports false unless this hive gave the token to bee.
func (h *Hive) openToken(token work.Token, bee peer.ID) (project uint32, seq uint64, attempt uint8, ok bool) {
	var plain [16]byte
	h.block.Decrypt(plain[:], token[:])
	ok = subtle.ConstantTimeCompare(plain[11:], beeMark(bee)) == 1
	seq = binary.BigEndian.Uint64(plain[2:]) & (1<<48 - 1)
	return binary.BigEndian.Uint32(plain[:]), seq, plain[10], ok
}

func beeMark(bee peer.ID) []byte {
	sum := sha256.Sum256([]byte(bee))
	return sum[:5]
}
