package transfer

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// AuditOptions say how hosts are audited. The zero value asks each for 44
// random leaves.
type AuditOptions struct {
	Full   bool // every byte is fetched and compared
	Leaves int  // asked of each host; 0: [AuditLeaves]. What is looked at more closely grows with it
	whole  bool // doubted hosts are read whole: a person asked for a repair
}

// AuditLeaves is how many leaves of 16 KiB a host has to show by default, of all
// that it holds of the file: one that lost 10 % of them is found out with
// 1 − 0.9⁴⁴ = 99.0 %, for 741 kB at most.
const AuditLeaves = 44

// HostReport counts the shards of the file at one host by what was found. A
// shard that was not looked at itself takes the state of its host.
type HostReport struct {
	Peer                                              peer.ID
	OK, Wrong, Missing, Timeout, Unreachable, Refused int
}

// AuditResult tells what an audit found.
type AuditResult struct {
	File     string // id; of a repair manifest the locator
	Name     string // "" by a repair manifest
	Hosts    []HostReport
	Health   Health
	Received int64 // bytes of proofs and shards
}

// Audit has every host of a file prove what it holds, and keeps what it finds
// in the health file. It always ends; a host that does not answer is a finding
// and no error; one that is not reached and not missed, since others hold all
// that it had, is none either. Errors are those of the manifest, as [Engine.Get]
// has them, and of ctx.
//
// What a proof shows: that the host could get at these bytes within
// [auditLimit]. It does not show that they lie on a disk of its own: who fetches
// them from another peer in time passes, and with Data = 1, where all shards of
// a segment are the same bytes, two hosts may share one copy. To rebuild a leaf
// from other shards a host would have to know their names, which only the
// manifest tells: so nobody is both host and keeper of a file.
func (e *Engine) Audit(ctx context.Context, manifest string, opts AuditOptions, report func(Progress)) (AuditResult, error) {
	m, closeManifest, err := e.openManifest(manifest)
	if err != nil {
		return AuditResult{}, err
	}
	defer closeManifest()
	s, received, err := e.inspect(ctx, m, manifest, opts, report)
	if err != nil {
		return AuditResult{}, err
	}
	health, err := s.health(time.Now())
	if err != nil {
		return AuditResult{}, err
	}
	e.writeHealth(manifest, s, health)
	replaced, err := s.replaced(health)
	if err != nil {
		return AuditResult{}, err
	}
	hosts := slices.DeleteFunc(s.reports(), func(r HostReport) bool { return replaced[r.Peer] })
	file, name := titleOf(m)
	return AuditResult{File: file, Name: name, Hosts: hosts, Health: health, Received: received}, nil
}

// inspect surveys a file and audits its hosts.
func (e *Engine) inspect(ctx context.Context, m *shard.Manifest, manifest string, opts AuditOptions, report func(Progress)) (*survey, int64, error) {
	report(Progress{Phase: "find", Total: int64(len(m.Hosts))})
	last, _ := readHealthFile(manifest)
	s, err := e.survey(ctx, m, last)
	if err != nil {
		return nil, 0, err
	}
	a := newAuditor(s, e.warrant(m), opts, report)
	a.room = e.cfg.Budget
	err = a.run(ctx)
	return s, a.received.Load(), err
}

// titleOf is what a file is called.
func titleOf(m *shard.Manifest) (file, name string) {
	if m.Private == nil {
		return m.Grant.Locator.String(), ""
	}
	return m.Private.File.String(), m.Private.Name
}

// reports counts what was found at every host that holds, or should hold,
// something.
func (s *survey) reports() []HostReport {
	var all []HostReport
	for _, h := range s.hosts {
		if len(h.shards)+h.known == 0 {
			continue
		}
		r := HostReport{Peer: h.peer}
		r.count(h.state, h.known)
		for _, at := range h.shards {
			r.count(at.verdict(), 1)
		}
		all = append(all, r)
	}
	return all
}

// replaced returns the hosts that are not reached and not missed: others hold
// their shards. They have left, or somebody else has repaired the file.
func (s *survey) replaced(health Health) (map[peer.ID]bool, error) {
	replaced := map[peer.ID]bool{}
	for _, h := range s.hosts {
		replaced[h.peer] = h.state == verdictUnreachable && (h.known == 0 || health.Margin == health.FullMargin)
	}
	for segment, err := range s.segments() {
		if err != nil {
			return nil, err
		}
		var good [shard.MaxShards]bool
		for _, a := range segment.at {
			good[a.index] = good[a.index] || a.verdict == verdictOK
		}
		for _, a := range segment.at {
			if !good[a.index] {
				replaced[s.hosts[a.host].peer] = false
			}
		}
	}
	return replaced, nil
}

func (r *HostReport) count(v verdict, n int) {
	switch v {
	case verdictOK:
		r.OK += n
	case verdictWrong:
		r.Wrong += n
	case verdictMissing:
		r.Missing += n
	case verdictTimeout:
		r.Timeout += n
	case verdictUnreachable:
		r.Unreachable += n
	case verdictRefused:
		r.Refused += n
	default:
		panic(fmt.Sprintf("transfer: internal error: shard with verdict %d", v))
	}
}

// health judges the file by the shards that are good for all that is known. A
// host that is not reached now counts as if it were gone.
func (s *survey) health(now time.Time) (Health, error) {
	h := Health{Checked: now, Segments: s.m.Count, Margin: shard.MaxShards, FullMargin: s.m.Scheme.Parity}
	good, atRisk := map[int]bool{}, map[int]int64{}
	shared, most := false, -1
	for segment, err := range s.segments() {
		if err != nil {
			return h, err
		}
		margin := s.margin(segment.at, func(a at) bool { return a.verdict == verdictOK })
		for _, a := range segment.at {
			if a.verdict == verdictOK {
				good[a.host] = true
			}
		}
		h.Margin = min(h.Margin, margin)
		if atRisk[margin] += int64(segment.Sealed); margin < 0 {
			h.Lost++
			if s.margin(segment.at, func(a at) bool { return a.verdict != verdictWrong && a.verdict != verdictMissing }) < 0 {
				h.Gone++
			}
		}
		most, shared = max(most, shard.Margin(s.m.Scheme, segment.Placed)), shared || sharesHosts(segment.Placed)
	}
	h.Hosts = len(good)
	if shared {
		h.FullMargin = min(h.FullMargin, max(0, most)) // it was put on fewer hosts than it has shards
	}
	for margin, bytes := range atRisk {
		if margin <= h.FullMargin/2 {
			h.AtRisk += bytes
		}
	}
	return h, nil
}

func sharesHosts(placed []shard.Placement) bool {
	seen := map[uint16]bool{}
	for _, p := range placed {
		if seen[p.Host] {
			return true
		}
		seen[p.Host] = true
	}
	return false
}
