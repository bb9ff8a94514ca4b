package gossip

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
)

// A heartbeat is a link of a hash chain. The owner draws the last link by
// chance, hashes its way down to the anchor, signs the anchor, and reveals one
// link after the other upwards: nobody else can make the next one, and to check
// one costs a hash instead of a signature, and 16 bytes instead of 64.
const (
	linkSize = 16
	// chainLength is the heartbeats under one anchor: half an hour. It bounds
	// the hashes that a check can cost.
	chainLength = 2048
)

type link [linkSize]byte

// chainSalt keeps chains of different owners and lives apart, so that no work
// on one helps against another.
type chainSalt [linkSize]byte

func newChainSalt(owner identity, incarnation uint64) chainSalt {
	buf := make([]byte, 0, 80)
	buf = append(buf, "batchain/gossip-chain/1\x00"...)
	buf = append(buf, owner[:]...)
	buf = binary.BigEndian.AppendUint64(buf, incarnation)
	sum := sha256.Sum256(buf)
	return chainSalt(sum[:linkSize])
}

// below returns the link of heartbeat beat-1, given that of beat.
func (s chainSalt) below(l link, beat uint64) link {
	var buf [2*linkSize + 8]byte
	copy(buf[:], s[:])
	binary.BigEndian.PutUint64(buf[linkSize:], beat)
	copy(buf[linkSize+8:], l[:])
	sum := sha256.Sum256(buf[:])
	return link(sum[:linkSize])
}

// leads reports whether l, as the link of heartbeat to, leads down to the link
// of heartbeat from. The caller bounds to-from.
func (s chainSalt) leads(l link, to uint64, down link, from uint64) bool {
	for ; to > from; to-- {
		l = s.below(l, to)
	}
	return l == down
}

// chain is the secret of an owner: the links of the heartbeats above base.
type chain struct {
	base  uint64
	links []link // of base, base+1, …; the first is the anchor
}

func newChain(salt chainSalt, base uint64) chain {
	c := chain{base: base, links: make([]link, chainLength+1)}
	_, _ = rand.Read(c.links[chainLength][:]) // it never fails
	for i := chainLength; i > 0; i-- {
		c.links[i-1] = salt.below(c.links[i], base+uint64(i))
	}
	return c
}

func (c chain) anchor() link { return c.links[0] }

// link returns the link of a heartbeat; ok is false past the end.
func (c chain) link(beat uint64) (l link, ok bool) {
	if beat < c.base || beat-c.base > chainLength {
		return link{}, false
	}
	return c.links[beat-c.base], true
}
