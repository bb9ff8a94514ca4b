package transfer

import (
	"cmp"
	"errors"
	"io"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/shard"
)

// at returns who holds, or should hold, the shards of a segment.
func (r *repair) at(segment uint32) []at {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s.at(segment, nil)
}

// why returns what a host of the survey said, in a few words.
func (r *repair) why(host int) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.s.hosts[host].why
}

// judge notes what reading showed of a shard.
func (r *repair) judge(p peer.ID, segment uint32, index uint8, v verdict) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.s.judge(r.number[p], segment, index, v)
}

// placed notes that p holds a shard from now on.
func (r *repair) placed(p peer.ID, segment uint32, index uint8) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rebuilt++
	i, known := r.number[p]
	if !known {
		i = len(r.s.hosts)
		r.s.hosts, r.number[p] = append(r.s.hosts, &surveyed{peer: p}), i
	}
	h := r.s.hosts[i]
	if h.state == verdictNone || h.state == verdictOK { // who took a shard has not proved the others
		h.state, h.seen, h.known = verdictOK, time.Now(), 0
	}
	if _, had := findHolding(h.shards, newHolding(segment, index)); had {
		r.s.judge(i, segment, index, verdictOK)
		return
	}
	h.extra = append(h.extra, newHolding(segment, index).with(verdictOK))
}

// settle completes the result and writes what is known now: the manifest's
// placements, where they changed, and the health file.
func (r *repair) settle(result *RepairResult, manifest string, closeManifest func() error) error {
	for _, h := range r.s.hosts {
		h.shards, h.extra = sorted(append(h.shards, h.extra...)), nil
	}
	pruned, err := r.prune()
	if err != nil {
		return err
	}
	health, err := r.s.health(time.Now())
	if err != nil {
		return err
	}
	result.Hosts, result.Health = r.s.reports(), health
	result.Rebuilt, result.Read, result.Sent, result.Shortfall = r.rebuilt, r.read.total(), r.sent.total(), r.shortfall()
	if pruned || r.rebuilt > 0 || r.plan.news {
		err = r.e.rewrite(manifest, manifest, func(w io.Writer) error {
			return errors.Join(r.update(w), closeManifest()) // some systems rename over no open file
		})
	}
	r.e.writeHealth(manifest, r.s, health)
	return err
}

// prune forgets shards that are lost where another host holds the index, or
// where their host holds another one now, and reports whether there were any.
// The rest of what nobody holds stays, for it is missed.
func (r *repair) prune() (pruned bool, err error) {
	for s, err := range r.s.segments() {
		if err != nil {
			return pruned, err
		}
		var good [shard.MaxShards]bool
		busy := map[int]bool{} // hosts with a good shard of this segment
		for _, a := range s.at {
			good[a.index] = good[a.index] || a.verdict == verdictOK
			busy[a.host] = busy[a.host] || a.verdict == verdictOK
		}
		for _, a := range s.at {
			if (good[a.index] || busy[a.host]) && !r.kept(a) {
				r.s.judge(a.host, s.Number, a.index, verdictNone)
				pruned = true
			}
		}
	}
	for _, h := range r.s.hosts {
		h.shards = slices.DeleteFunc(h.shards, func(at holding) bool { return at.verdict() == verdictNone })
	}
	return pruned, nil
}

// update writes the manifest with the placements as they are now.
func (r *repair) update(w io.Writer) error {
	var table []peer.AddrInfo
	number, told := map[peer.ID]uint16{}, map[peer.ID][]ma.Multiaddr{}
	add := func(p peer.ID) {
		number[p] = uint16(len(table))
		table = append(table, r.e.addrsOf(p, told[p]))
	}
	for _, p := range r.m.Hosts {
		told[p.ID] = p.Addrs
		if p.ID == r.e.apart() {
			add(p.ID) // what lies here is in no survey
		}
	}
	for _, h := range r.s.hosts {
		if len(h.shards) > 0 {
			add(h.peer)
		}
	}
	return r.m.Update(w, table, func(yield func(uint32, []shard.Placement) bool) {
		for s, err := range r.s.segments() {
			if err != nil || !yield(s.Number, r.placements(s, number)) {
				return
			}
		}
	})
}

// maxPlaced is how many placements of a segment are written, some 16 for each
// shard there can be: a record of the manifest holds four times as many.
const maxPlaced = 1 << 12

func (r *repair) placements(s located, number map[peer.ID]uint16) (placed []shard.Placement) {
	for _, p := range s.Placed {
		if id := r.m.Hosts[p.Host].ID; id == r.e.apart() {
			placed = append(placed, shard.Placement{Index: p.Index, Host: number[id]})
		}
	}
	for _, a := range s.at {
		placed = append(placed, shard.Placement{Index: a.index, Host: number[r.s.hosts[a.host].peer]})
	}
	slices.SortStableFunc(placed, func(a, b shard.Placement) int { return cmp.Compare(a.Index, b.Index) })
	return placed[:min(len(placed), maxPlaced)]
}

// addrsOf returns where a host can be reached: as it was this time, and as it
// was said to be.
func (e *Engine) addrsOf(p peer.ID, told []ma.Multiaddr) peer.AddrInfo {
	info := peer.AddrInfo{ID: p}
	for _, addr := range append(e.cfg.Host.Peerstore().Addrs(p), told...) {
		if len(addr.Bytes()) <= maxHostAddr && len(info.Addrs) < maxHostAddrs && !slices.ContainsFunc(info.Addrs, addr.Equal) {
			info.Addrs = append(info.Addrs, addr)
		}
	}
	return info
}
