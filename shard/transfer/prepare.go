package transfer

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/time/rate"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// prepare settles scheme, keys and hosts.
func (p *put) prepare(ctx context.Context) error {
	if p.opts.Lease == 0 {
		p.opts.Lease = shard.LeaseDefault
	}
	if !p.opts.Expires.IsZero() {
		p.opts.Lease = min(p.opts.Lease, time.Until(p.opts.Expires))
	}
	if p.opts.Lease < time.Second {
		return wire.ErrBadRequest.With("the file expires now")
	}
	wish, err := p.wishes()
	if err != nil {
		return err
	}
	p.report(Progress{Phase: "find", Total: p.in.size})
	answers := p.e.gather(ctx, p.candidates, wish.perHost(wish.schemeFor(shard.ArchiveHosts), shard.ArchiveHosts), p.opts.Lease, p.enough(wish))
	if err := ctx.Err(); err != nil {
		return context.Cause(ctx)
	}
	p.countRefusals(answers)
	scheme, hosts := wish.settle(answers)
	if err := p.begin(scheme, hosts, wish); err != nil {
		return err
	}
	return p.keys()
}

// wishes reads the options; a put that resumes keeps the scheme it began with.
// One that asks for another scheme, or whose first receipts will have run out
// half way through the lease, begins anew.
func (p *put) wishes() (wishes, error) {
	length, small, err := p.in.upTo(shard.SmallFile)
	if err != nil {
		return wishes{}, err
	}
	if small && p.in.size < 0 {
		p.in.size = int64(length)
	}
	w := wishes{scheme: p.opts.Scheme, durability: p.opts.Durability, colocate: p.opts.Colocate, small: small, size: p.in.size}
	j := p.journal
	other := w.scheme != shard.Scheme{} && w.scheme != j.start.scheme()
	if j.resumed && (other || !j.lasts(time.Now().Add(p.opts.Lease/2))) {
		if err := j.reset(); err != nil {
			return w, fmt.Errorf("journal: %w", err)
		}
	}
	if !j.resumed {
		w.file = shard.NewFileID()
		return w, nil
	}
	w.file, w.scheme = j.start.File, j.start.scheme()
	if w.size >= 0 {
		w.size = max(0, w.size-j.safe())
	}
	return w, nil
}

// enough is how many hosts must take something before it counts who is said to
// be gone: those that were asked for, or that the scheme needs.
func (p *put) enough(w wishes) int {
	need := max(w.scheme.Shards(), 1)
	if w.durability == shard.DurabilityArchive {
		need = max(need, shard.ArchiveHosts)
	}
	if w.colocate {
		need = 1
	}
	return max(need, len(p.opts.Hosts))
}

func (p *put) candidates(ctx context.Context) iter.Seq[peer.AddrInfo] {
	if len(p.opts.Hosts) > 0 {
		return slices.Values(p.opts.Hosts)
	}
	return p.e.cfg.Finder.Candidates(ctx)
}

func (p *put) countRefusals(answers []answer) {
	p.known = len(answers)
	for _, a := range answers {
		if !a.takes {
			p.refused[a.why]++
		}
	}
}

// begin checks that there are hosts enough, and makes the journal of a new put.
func (p *put) begin(scheme shard.Scheme, hosts []answer, wish wishes) error {
	need := scheme.Shards()
	if wish.colocate {
		need = 1
	}
	if len(hosts) == 0 || len(hosts) < need && !(p.journal.resumed && len(hosts) >= scheme.Data) {
		if scheme.Data == 0 {
			scheme, need = shard.Scheme{Data: 1}, 1
		}
		return &ShortError{Scheme: scheme, Need: need, Have: len(hosts), Known: p.known, Refused: p.refused, Segment: -1}
	}
	p.scheme = scheme
	p.warn(wish, len(hosts))
	ids := make([]peer.ID, len(hosts))
	for i, h := range hosts {
		ids[i] = h.peer
	}
	p.roster = newRoster(scheme, ids, wish.colocate)
	if p.journal.resumed {
		p.stale = p.journal.stale(time.Now())
		p.report(Progress{Phase: "find", Total: p.in.size, Note: "resuming an earlier put; what is safe already is not sent again"})
		return nil
	}
	return p.journal.append(recordStart, start{
		Version: journalVersion, Source: []byte(p.source.key()), File: wish.file, Mesh: p.e.cfg.Mesh,
		Data: scheme.Data, Parity: scheme.Parity, Segment: scheme.SegmentLength(p.e.cfg.Budget),
	}, true)
}

// warn says what the owner should know of this choice.
func (p *put) warn(wish wishes, hosts int) {
	s := p.scheme
	if p.in.plan != nil && p.in.plan.Left > 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("warning: %s left out: %s", english.Plural(p.in.plan.Left, "device, pipe or socket is", "devices, pipes or sockets are"), strings.Join(p.in.plan.Skipped, " ")))
	}
	if s.Parity == 0 {
		p.warnings = append(p.warnings, fmt.Sprintf("warning: scheme %s keeps no redundancy: when one host dies the file is lost", s))
	}
	if wish.durability == shard.DurabilityArchive && p.opts.Scheme == (shard.Scheme{}) && !(hosts >= shard.ArchiveHosts && wish.small) &&
		s != shard.SchemeFor(shard.ArchiveHosts, shard.DurabilityArchive) {
		p.fellShort(fmt.Sprintf("durability archive needs %d hosts, %s room: scheme %s is used", shard.ArchiveHosts, english.Plural(hosts, "has", "have"), s))
	}
	if per := shardsPerHost(s, min(hosts, s.Shards())); wish.colocate && per > s.Parity && s.Parity > 0 {
		p.fellShort(fmt.Sprintf("%s of a segment on one host, and scheme %s can lose %d: when that host dies the file is lost", english.Plural(per, "shard", ""), s, s.Parity))
	}
}

func (p *put) keys() (err error) {
	cfg, file := p.e.cfg, p.journal.start.File
	key := cfg.Seed.FileKey(file)
	p.sealer, p.repair = shard.NewSealer(key, file), key.RepairKey()
	if _, p.grant, err = shard.NewGrant(cfg.Seed, file, cfg.Mesh); err != nil {
		return err
	}
	p.digest = shard.GrantDigest(p.grant)
	if p.opts.Bandwidth > 0 {
		p.limit = rate.NewLimiter(rate.Limit(p.opts.Bandwidth), bandwidthBurst)
		p.slots = make(chan struct{}, slotsFor(p.opts.Bandwidth))
	}
	p.safe = newSafety(p.scheme.Shards(), p.in.size, p.report)
	p.coder, err = shard.NewCoder(p.scheme)
	return err
}
