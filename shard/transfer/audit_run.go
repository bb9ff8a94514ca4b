package transfer

import (
	"context"
	crand "crypto/rand"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

const (
	// auditLimit is how long a host may take over one order of up to 64 leaves,
	// 1.1 MB: on a line of 40 kB/s.
	auditLimit = 30 * time.Second
	// auditTime is how long one host may take for one round, but for auditLimit
	// for each order.
	auditTime = 2 * time.Minute
	// closerLook is the most shards of one host that are looked at one by one
	// when a person asks for a repair, see [auditor.closer].
	closerLook = 4096
	// doubtLeaves is the most leaves that a doubted host is asked for: 17 MB, of
	// which 99 % is found out who lost 0.45 %.
	doubtLeaves = 1024
)

// auditor audits the hosts of a survey, all at once, and puts its verdicts there.
//
// Each is asked for leaves that are drawn from all leaves of all shards it lists,
// each with the same chance, none twice. A host that sends a wrong leaf lied, as
// a good one checks what it reads: nothing it holds is believed any more. One
// that says that it does not hold a shard is honest about it, and is asked for a
// leaf of every single shard, so that exactly what is lost is known; beyond a
// bound the rest is believed unless a tenth of those were missing. One that had
// wrong shards at the last audit is asked for 32 times as many leaves. In a full
// audit each shard speaks for itself.
//
// Who only lists is not seen: a host is when it has proved all it was asked for.
type auditor struct {
	s        *survey
	ask      asker
	opts     AuditOptions
	report   func(Progress)
	draw     *rand.Rand
	room     int // bytes of buffers of a full audit
	received atomic.Int64
	mu       sync.Mutex
	progress Progress
}

func newAuditor(s *survey, ask asker, opts AuditOptions, report func(Progress)) *auditor {
	var seed [32]byte
	_, _ = crand.Read(seed[:]) // never fails
	if opts.Leaves <= 0 {
		opts.Leaves = AuditLeaves
	}
	return &auditor{s: s, ask: ask, opts: opts, report: report, draw: rand.New(rand.NewChaCha8(seed)), progress: Progress{Phase: "audit"}}
}

// challenge is one leaf that a host has to show.
type challenge struct {
	place   holding
	leaf    uint32
	id      shard.ID
	verdict verdict
}

// run audits every host that answered.
func (a *auditor) run(ctx context.Context) error {
	if err := a.inspect(ctx); err != nil {
		return err
	}
	for _, h := range a.s.hosts {
		if h.state == verdictOK {
			h.seen = time.Now()
		}
	}
	return nil
}

func (a *auditor) inspect(ctx context.Context) error {
	if a.opts.Full {
		return a.full(ctx, a.s.hosts)
	}
	if err := a.sample(ctx); err != nil || !a.opts.whole {
		return err
	}
	var doubted []*surveyed // leaves may miss what was found before
	for _, h := range a.s.hosts {
		if h.doubt && h.wrong() == 0 {
			doubted = append(doubted, h)
		}
	}
	return a.full(ctx, doubted)
}

// leaves is how many leaves a host is asked for.
func (a *auditor) leaves(h *surveyed) int {
	if h.doubt {
		return max(a.opts.Leaves, min(32*a.opts.Leaves, doubtLeaves))
	}
	return a.opts.Leaves
}

// closer is how many shards of a host that misses some are looked at one by one.
func (a *auditor) closer() int {
	if a.opts.whole {
		return closerLook
	}
	return min(max(64, 8*a.opts.Leaves), closerLook)
}

// sample has every host show leaves drawn by lot.
func (a *auditor) sample(ctx context.Context) error {
	first := make([][]challenge, len(a.s.hosts))
	for i, h := range a.s.hosts {
		if h.state == verdictOK {
			first[i] = drawLeaves(a.s.contents, h.shards, a.leaves(h), a.draw)
		}
	}
	a.progress.Total = int64(count(first))
	if err := a.round(ctx, first); err != nil {
		return err
	}
	second := make([][]challenge, len(a.s.hosts))
	for i, h := range a.s.hosts {
		if h.state == verdictOK && found(first[i], verdictMissing) {
			second[i] = drawEach(a.s.contents, h.shards, a.closer(), a.draw)
		}
	}
	if count(second) == 0 {
		return nil
	}
	if err := a.round(ctx, second); err != nil {
		return err
	}
	for i, h := range a.s.hosts {
		if second[i] != nil && h.state == verdictOK {
			h.rest(second[i], a.closer())
		}
	}
	return nil
}

// round sends every host its challenges and judges what it is told.
func (a *auditor) round(ctx context.Context, challenges [][]challenge) error {
	if err := a.s.name(challenges); err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(askAtOnce)
	for i, h := range a.s.hosts {
		if len(challenges[i]) == 0 {
			continue
		}
		group.Go(func() error {
			h.judged(challenges[i], a.challenge(ctx, h, challenges[i]))
			a.step(1)
			return context.Cause(ctx)
		})
	}
	return group.Wait()
}

// step counts progress.
func (a *auditor) step(n int64) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.progress.Done = min(a.progress.Done+n, a.progress.Total)
	a.report(a.progress)
}

// challenge has one host answer its challenges, in orders of [shard.MaxPicks].
func (a *auditor) challenge(ctx context.Context, h *surveyed, all []challenge) error {
	orders := (len(all) + shard.MaxPicks - 1) / shard.MaxPicks
	ctx, cancel := context.WithTimeout(ctx, auditTime+time.Duration(orders)*auditLimit)
	defer cancel()
	for len(all) > 0 {
		some := all[:min(len(all), shard.MaxPicks)]
		all = all[len(some):]
		picks := make([]shard.Pick, len(some))
		for i, c := range some {
			picks[i] = shard.Pick{Shard: c.id, Leaf: c.leaf}
		}
		var slices [][]byte
		err := insist(ctx, auditLimit, func(ctx context.Context) (err error) {
			slices, err = a.ask.audit(ctx, h.peer, picks)
			return err
		})
		if err != nil {
			return err
		}
		for i := range some {
			a.received.Add(int64(len(slices[i])))
			some[i].verdict = a.verify(some[i], slices[i])
		}
	}
	return nil
}
