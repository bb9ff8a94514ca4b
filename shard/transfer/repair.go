package transfer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

// RepairOptions say what is mended, and where to. The zero value is what a
// keeper does: segments in danger only, see [Engine.Repair].
type RepairOptions struct {
	Eager bool          // all that is lost, hosts that do not answer now among them
	Avoid []peer.ID     // get a shard only when nobody else can: the file's keepers; nil: [Config].Keepers
	Lease time.Duration // asked of new hosts; 0: [shard.LeaseDefault]
	Audit AuditOptions  // of the audit before
}

// RepairResult tells what a repair did, and how the file is after it.
type RepairResult struct {
	AuditResult
	Rebuilt   int    // shards that have a new host
	Read      int64  // bytes of shards that were fetched for that
	Sent      int64  // … that were sent
	Shortfall string // why the file is less safe than it should be, "" if it is not
}

// lostTime is how long a host may not answer until its shards count as lost.
const lostTime = 24 * time.Hour

// maxRebuilt bounds what one repair notes down.
const maxRebuilt = 1 << 20

// repair is one repair under way.
type repair struct {
	e      *Engine
	m      *shard.Manifest
	s      *survey
	opts   RepairOptions
	coder  *shard.Coder
	digest shard.Digest
	takers *takers
	stall  time.Duration
	report func(Progress)

	hosts  *holders        // how those of the survey serve
	number map[peer.ID]int // of those, in the survey
	gone   []bool          // by number: counts as lost while it does not answer
	liar   []bool          // by number: an audit caught it
	plan   *plan

	read, sent *counter
	mu         sync.Mutex // guards the survey and what is below
	rebuilt    int
	without    int // lost shards that found no host
	done       int64
	beyond     *UnreachableError // the worst segment that cannot be mended now
	forged     error             // the first segment whose core makes no sense
}

// Repair audits a file and makes lost shards again, the worst segments first:
// it reads Data shards of a damaged segment, makes those that are lost and
// offers them to hosts that have none of the segment. It needs no key that
// reads the file. A shard counts as lost when no host is believed to hold it:
// at once where a host sends wrong bytes or none, after a day, or at once with
// Eager, where it does not answer. Without Eager a segment is mended when its
// margin is down to half of the full one. Nothing is ever deleted.
//
// Afterwards the manifest tells who holds what now, and the health file how well
// the file is kept. A repair that was interrupted goes on when it is called
// again. Who gets a shard is drawn by lot, so several repairs at one time bring
// it to the same host, which takes it once.
//
// A result comes with every error but those of opening the manifest and of the
// audit. Errors: [*UnreachableError] for the worst segment that cannot be mended
// now, while all others are; [shard.ErrManifest] when the core contradicts
// itself; those of writing the manifest, [fs.ErrNotExist]
// when it was removed meanwhile, which it stays; that of ctx.
func (e *Engine) Repair(ctx context.Context, manifest string, opts RepairOptions, report func(Progress)) (RepairResult, error) {
	m, closeManifest, err := e.openManifest(manifest)
	if err != nil {
		return RepairResult{}, err
	}
	closeManifest = sync.OnceValue(closeManifest)
	defer closeManifest()
	r, result, err := e.newRepair(ctx, m, manifest, opts, report)
	if err != nil {
		return RepairResult{}, err
	}
	err = r.run(ctx)
	if r.beyond != nil {
		err = errors.Join(err, r.beyond)
	}
	err = errors.Join(err, r.forged, r.settle(&result, manifest, closeManifest))
	return result, err
}

// newRepair looks at what is there.
func (e *Engine) newRepair(ctx context.Context, m *shard.Manifest, manifest string, opts RepairOptions, report func(Progress)) (*repair, RepairResult, error) {
	if opts.Lease == 0 {
		opts.Lease = shard.LeaseDefault
	}
	coder, err := shard.NewCoder(m.Scheme)
	if err != nil {
		return nil, RepairResult{}, err
	}
	info, err := os.Stat(manifest)
	if err != nil {
		return nil, RepairResult{}, err
	}
	if opts.Avoid == nil && e.cfg.Keepers != nil {
		opts.Avoid = e.cfg.Keepers(ctx, m)
	}
	opts.Audit.whole = opts.Eager
	s, received, err := e.inspect(ctx, m, manifest, opts.Audit, report)
	if err != nil {
		return nil, RepairResult{}, err
	}
	r := &repair{
		e: e, m: m, s: s, opts: opts, coder: coder, digest: shard.GrantDigest(m.SignedGrant), stall: stallTime,
		takers: e.newTakers(1, opts.Lease, opts.Avoid), report: report, read: &counter{}, sent: &counter{},
	}
	file, name := titleOf(m)
	result := RepairResult{AuditResult: AuditResult{File: file, Name: name, Received: received}}
	r.know(info.ModTime(), time.Now())
	if err := r.assess(); err != nil || r.plan.total == 0 {
		return r, result, err
	}
	if met, err := r.meet(ctx); err != nil || !met {
		return r, result, err
	}
	r.know(info.ModTime(), time.Now())
	return r, result, r.assess()
}

// run mends the segments, two at a time, those with the least margin first.
func (r *repair) run(ctx context.Context) error {
	if r.plan.total == 0 {
		return nil
	}
	buffers, err := newSlabs(r.m.Scheme.Shards() * r.plan.longest)
	if err != nil {
		return err
	}
	defer buffers.close()
	group, sub := errgroup.WithContext(ctx)
	err = r.start(sub, group, buffers)
	if ended := group.Wait(); ended != nil {
		err = ended // the other one is only its echo
	}
	return err
}

// start goes along the manifest once for each margin.
func (r *repair) start(ctx context.Context, group *errgroup.Group, buffers *slabs) error {
	for level, due := range r.plan.count {
		if due == 0 {
			continue
		}
		for s, err := range r.m.Segments() {
			if err != nil {
				return err
			}
			if r.plan.level[s.Number] != uint8(level) {
				continue
			}
			slab, err := buffers.take(ctx)
			if err != nil || r.full() {
				return err
			}
			group.Go(func() error {
				defer buffers.give(slab)
				return r.mend(ctx, s, slab)
			})
		}
	}
	return nil
}

// mend mends one segment. What cannot be mended keeps nobody from the others.
func (r *repair) mend(ctx context.Context, s shard.Segment, slab []byte) error {
	err := r.newMend(s, slab).run(ctx)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	var few *UnreachableError
	switch {
	case errors.As(err, &few):
		if r.beyond == nil || few.Lost() && !r.beyond.Lost() {
			r.beyond = few
		}
	case err != nil && r.forged == nil:
		r.forged = err
	}
	r.done += int64(s.Sealed)
	r.report(Progress{Phase: "repair", Done: r.done, Total: r.plan.total})
	return nil
}

// full reports whether as much was mended as one repair may.
func (r *repair) full() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rebuilt >= maxRebuilt
}

// homeless notes that a lost shard found no host.
func (r *repair) homeless() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.without++
}

// shortfall says what is missing.
func (r *repair) shortfall() string {
	switch {
	case r.without > 0:
		return fmt.Sprintf("%s found no new host: %s", english.Plural(r.without, "lost shard", ""), r.takers.why())
	case r.rebuilt >= maxRebuilt:
		return fmt.Sprintf("%s made again, the most at one time: repair once more", english.Plural(r.rebuilt, "shard was", "shards were"))
	default:
		return ""
	}
}
