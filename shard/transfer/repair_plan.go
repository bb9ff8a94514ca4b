package transfer

import (
	"context"
	"iter"
	"math"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// plan says which segments are to be mended, in one byte each: 1 MiB for 2²⁰.
type plan struct {
	level   []uint8                // by segment: its margin + 2; 0: nothing is to be done
	count   [math.MaxUint8 + 1]int // of segments, by level
	longest int                    // shard of a segment that is due, bytes
	total   int64                  // sealed bytes of the segments that are due
	news    bool                   // the manifest does not know everybody
}

// know takes in what the survey found of the hosts. One of the manifest that was
// never seen was there when the manifest was written.
func (r *repair) know(written, now time.Time) {
	r.hosts = newHolders(nil, func(peer.ID) Standing { return Standing{Free: -1} }) // they have answered just now
	r.number = map[peer.ID]int{}
	r.gone, r.liar = make([]bool, len(r.s.hosts)), make([]bool, len(r.s.hosts))
	for i, h := range r.s.hosts {
		if h.seen.IsZero() && i < r.s.placed {
			h.seen = written
		}
		r.hosts.table = append(r.hosts.table, peer.AddrInfo{ID: h.peer})
		r.number[h.peer] = i
		r.gone[i] = r.opts.Eager || now.Sub(h.seen) > lostTime
		r.liar[i] = h.state == verdictWrong
	}
}

// kept reports whether a shard counts as being where it is said to be.
func (r *repair) kept(a at) bool {
	switch a.verdict {
	case verdictOK:
		return true
	case verdictWrong, verdictMissing:
		return false
	default:
		return !r.gone[a.host]
	}
}

// lost returns the indices of a segment that no host keeps.
func (r *repair) lost(where []at) (indices []uint8) {
	var kept [shard.MaxShards]bool
	for _, a := range where {
		kept[a.index] = kept[a.index] || r.kept(a)
	}
	for index := range r.m.Scheme.Shards() {
		if !kept[index] {
			indices = append(indices, uint8(index))
		}
	}
	return indices
}

// assess makes the plan.
func (r *repair) assess() error {
	health, err := r.s.health(time.Now())
	if err != nil {
		return err
	}
	p := &plan{level: make([]uint8, r.m.Count)}
	r.plan = p
	for s, err := range r.s.segments() {
		if err != nil {
			return err
		}
		p.news = p.news || r.unknown(s)
		margin := r.s.margin(s.at, r.kept)
		if len(r.lost(s.at)) == 0 || !r.opts.Eager && margin > health.FullMargin/2 {
			continue
		}
		level := uint8(min(margin+2, math.MaxUint8))
		p.level[s.Number] = level
		p.count[level]++
		p.longest = max(p.longest, r.m.Scheme.ShardLength(s.Sealed))
		p.total += int64(s.Sealed)
	}
	return nil
}

// unknown reports whether a host keeps a shard that the manifest does not place
// there.
func (r *repair) unknown(s located) bool {
	placed := map[origin]bool{}
	for _, p := range s.Placed {
		placed[origin{p.Index, r.m.Hosts[p.Host].ID}] = true
	}
	return slices.ContainsFunc(s.at, func(a at) bool {
		return a.verdict == verdictOK && !placed[origin{a.index, r.hosts.table[a.host].ID}]
	})
}

// meet asks candidates for room, and those whom the survey does not know what
// they hold: a repair that was interrupted may have brought them shards, and
// nobody has announced that yet. It reports whether somebody has any.
func (r *repair) meet(ctx context.Context) (bool, error) {
	r.takers.ask(ctx, roomTime)
	found, a := &survey{m: r.m, contents: r.s.contents, room: r.s.room}, r.e.warrant(r.m)
	for _, p := range r.takers.met() {
		if _, known := r.number[p]; !known && len(r.s.hosts)+len(found.hosts) < math.MaxUint16 {
			found.hosts = append(found.hosts, &surveyed{peer: p})
		}
	}
	nobodyElse := func(context.Context) iter.Seq[peer.ID] { return func(func(peer.ID) bool) {} }
	if err := found.ask(ctx, a, nobodyElse); err != nil {
		return false, err
	}
	if err := newAuditor(found, a, AuditOptions{}, r.report).run(ctx); err != nil {
		return false, err
	}
	met := false
	for _, h := range found.hosts {
		if len(h.shards) > 0 {
			r.s.hosts, met = append(r.s.hosts, h), true
		}
	}
	return met, nil
}
