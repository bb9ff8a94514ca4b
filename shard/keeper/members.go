package keeper

import (
	"bytes"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
)

// maxMembers is the most peers that a charge remembers: those that keep the
// file, and those that did.
const maxMembers = 3 * shard.MaxKeepers

// silence is how long a keeper may be silent until another takes its place.
const silence = 24 * time.Hour

// member is another keeper of a file. One that was given up is remembered, so
// that whoever has not noticed yet does not bring it back by its name alone: it
// comes back when it speaks itself.
type member struct {
	Peer   peer.ID `cbor:"1,keyasint"`
	Missed int64   `cbor:"2,keyasint,omitempty"` // Unix seconds of the first question that it did not answer since it last spoke
	Out    bool    `cbor:"3,keyasint,omitempty"` // given up
}

// members are the other keepers of a file, never this one.
type members []member

// in returns those that are not given up.
func (m members) in() []peer.ID {
	var ids []peer.ID
	for _, e := range m {
		if !e.Out {
			ids = append(ids, e.Peer)
		}
	}
	return ids
}

func (m members) find(p peer.ID) *member {
	if at := slices.IndexFunc(m, func(e member) bool { return e.Peer == p }); at >= 0 {
		return &m[at]
	}
	return nil
}

// room reports whether one more keeper may be known.
func (m members) room() bool { return len(m.in())+1 < shard.MaxKeepers }

// learn adds names, unless they are known already or there is no room.
func (m *members) learn(self peer.ID, names []peer.ID) {
	for _, p := range names {
		if p == self || m.find(p) != nil || !m.room() {
			continue
		}
		if _, err := shard.PeerKey(p); err == nil {
			*m = append(*m, member{Peer: p})
		}
	}
	m.forget()
}

// forget drops what there is too much of those given up, the first ones.
func (m *members) forget() {
	for len(*m) > maxMembers {
		at := slices.IndexFunc(*m, func(e member) bool { return e.Out })
		*m = slices.Delete(*m, at, at+1)
	}
}

// spoke notes that a keeper spoke. One that is not known stays so.
func (m members) spoke(p peer.ID) {
	if e := m.find(p); e != nil && (!e.Out || m.room()) {
		e.Missed, e.Out = 0, false
	}
}

// returned notes that a keeper came back at a time: what it missed before counts
// no more.
func (m members) returned(p peer.ID, at int64) {
	if e := m.find(p); e != nil && e.Missed != 0 && e.Missed < at {
		e.Missed = at
	}
}

// missed notes that a keeper did not answer, and reports whether it is given
// up now.
func (m members) missed(p peer.ID, now time.Time) bool {
	e := m.find(p)
	if e == nil || e.Out {
		return false
	}
	since(&e.Missed, now, true)
	e.Out = age(now, e.Missed) >= silence
	return e.Out
}

// distance is how far a peer is from a locator: the XOR of the locator and the
// BLAKE3-256 of the peer id's bytes. Every keeper comes to the same order.
func distance(l shard.Locator, p peer.ID) shard.Digest {
	d := shard.Digest(blake3.Sum256([]byte(p)))
	for i := range d {
		d[i] ^= l[i]
	}
	return d
}

// byDistance sorts peers, the closest to a locator first.
func byDistance(l shard.Locator, peers []peer.ID) {
	slices.SortFunc(peers, func(a, b peer.ID) int { return compareDistance(l, a, b) })
}

func compareDistance(l shard.Locator, a, b peer.ID) int {
	x, y := distance(l, a), distance(l, b)
	return bytes.Compare(x[:], y[:])
}
