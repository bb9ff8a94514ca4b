package replica

import (
	"cmp"
	"fmt"
	"maps"

	"github.com/libp2p/go-libp2p/core/peer"
)

// Source is who wrote an update: a peer, and the epoch of its state. A peer that
// lost its state, or has it twice, writes under another epoch, and so never uses a
// sequence number twice.
type Source struct {
	Peer  peer.ID
	Epoch uint64 // drawn at random; never 0
}

// Compare orders sources, by the bytes of their ids and then by epoch.
func (s Source) Compare(t Source) int {
	return cmp.Or(cmp.Compare(s.Peer, t.Peer), cmp.Compare(s.Epoch, t.Epoch))
}

// String names the source in short.
func (s Source) String() string { return fmt.Sprintf("%s/%x", s.Peer, s.Epoch) }

// Clock says what is known: the newest sequence number of each source. All that
// the source vouched for at that number is known, too.
type Clock map[Source]uint64

// Covers reports whether u is known.
func (c Clock) Covers(u Update) bool { return u.Seq <= c[u.Source] }

// Clone returns a copy that shares nothing with c, and is never nil.
func (c Clock) Clone() Clock {
	clone := make(Clock, len(c))
	maps.Copy(clone, c)
	return clone
}
