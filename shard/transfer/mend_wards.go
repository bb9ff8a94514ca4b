package transfer

import (
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// wards is who may take the shards of one segment.
type wards struct {
	mu       sync.Mutex
	most     int              // shards of the segment that one host may have
	load     map[peer.ID]int  // … that it has, or is being sent
	lost     map[peer.ID]bool // hosts that lost one of them
	liars    map[peer.ID]bool // hosts that an audit caught
	networks map[string]bool  // that a host of the segment is in
	had      map[origin]bool  // where a shard was lost
	tried    map[origin]bool
}

// What makes a host come later: it has another shard of the segment, it lost
// one, or a host of the segment is in its network. A keeper comes last of all:
// whoever has the manifest had better hold no shard, but a shard at a keeper,
// who then lets the file go, is better than none.
const (
	rankNetwork = 1
	rankLost    = 2
	rankLoad    = 4
	rankLate    = 1 << 20
)

// rank says in which order a host is considered for an index; below 0: never.
func (w *wards) rank(index uint8, a answer) int {
	if w.liars[a.peer] || w.tried[origin{index, a.peer}] || w.load[a.peer] >= w.most {
		return -1
	}
	rank := rankLoad * w.load[a.peer]
	if w.lost[a.peer] {
		rank += rankLost
	}
	if w.networks[a.group] {
		rank += rankNetwork
	}
	return rank
}

// wards looks at who has, and had, the shards of a segment. Where the manifest
// has several at one host they were put so, and may be again.
func (r *repair) wards(placed []shard.Placement, where []at) *wards {
	w := &wards{
		most: 1, load: map[peer.ID]int{}, lost: map[peer.ID]bool{}, liars: map[peer.ID]bool{},
		networks: map[string]bool{}, had: map[origin]bool{}, tried: map[origin]bool{},
	}
	together := map[uint16]int{}
	for _, p := range placed {
		together[p.Host]++
		w.most = max(w.most, together[p.Host])
	}
	for _, a := range where {
		p := r.hosts.table[a.host].ID
		if r.kept(a) {
			w.load[p]++
		} else {
			w.lost[p], w.had[origin{a.index, p}] = true, true
		}
		if r.liar[a.host] {
			w.liars[p] = true
		}
		if network := r.e.networkOf(p); network != "" {
			w.networks[network] = true
		}
	}
	return w
}
