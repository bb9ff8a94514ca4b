package keeper

import (
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
)

const (
	// roundLeaves is how many leaves of each host one round asks for: with four
	// rounds a day one that lost a tenth is found within three days, and one that
	// kept only hashes at once, for 1.4 MB a round at 8+12.
	roundLeaves = 4
	// renewPart: leases are renewed when one renewPart-th of them is over.
	renewPart = 3
	// again is how soon something that reached only some of the hosts is tried
	// again, and how often notes are looked after.
	again = 24 * time.Hour
)

// task is one file to look after, a charge or one of the owner's own.
type task struct {
	file
	manifest string // path; "": a locator of notes only
	until    int64
	renewed  int64
	noted    int64
}

func (k *Keeper) taskOf(c *charge, r record) task {
	t := task{file: c.file(), until: r.Until, renewed: r.Renewed, noted: r.Noted}
	if r.Manifest > 0 {
		t.manifest = k.manifestPath(c)
	}
	return t
}

// outcome is what came of a task. Times are Unix seconds, 0 for not done.
type outcome struct {
	checked bool // the file was looked at as a whole
	reached bool // somebody answered, whatever he said
	alive   bool // something of the file is there
	margin  int
	full    int
	hosts   []peer.ID // that hold some of it
	renewed int64
	noted   int64
	repairs bool // there is a manifest to repair it with
}

// mend reports whether half of the losses that the file can stand have come.
func (o outcome) mend() bool { return o.checked && o.repairs && o.margin <= o.full/2 }

// tend renews and audits a file and carries its notes on. Each of these has its
// own time, and is done whatever becomes of the others: a host that holds up the
// audit must not let the leases run out at all of them.
func (k *Keeper) tend(ctx context.Context, t task) (outcome, error) {
	o := outcome{repairs: t.manifest != ""}
	if t.manifest == "" {
		return o, step(ctx, func(ctx context.Context) error { return k.tendNotes(ctx, t, &o) })
	}
	var renewErr, notesErr error
	told, due := 0, age(k.cfg.Now(), t.renewed) >= shard.LeaseDefault/renewPart
	if due {
		renewErr = step(ctx, func(ctx context.Context) (err error) {
			told, _, err = k.cfg.Engine.Renew(ctx, t.manifest, k.lease(t, shard.LeaseDefault))
			return err
		})
	}
	all := 0
	auditErr := step(ctx, func(ctx context.Context) error {
		audit, err := k.cfg.Engine.Audit(ctx, t.manifest, transfer.AuditOptions{Leaves: roundLeaves}, func(transfer.Progress) {})
		if err == nil {
			all = len(audit.Hosts)
			o.audited(audit)
		}
		return err
	})
	if due && (renewErr == nil || told > 0) {
		o.renewed = k.renewedAt(shard.LeaseDefault, renewErr == nil && auditErr == nil && told >= all)
	}
	if age(k.cfg.Now(), t.noted) >= again {
		notesErr = step(ctx, func(ctx context.Context) error { return k.carryNotes(ctx, t, &o) })
	}
	return o, errors.Join(renewErr, auditErr, notesErr)
}

// step does a part of a check in the time that it has.
func step(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, stepTime)
	defer cancel()
	return do(ctx)
}

func (o *outcome) audited(a transfer.AuditResult) {
	o.checked, o.margin, o.full, o.hosts = true, a.Health.Margin, a.Health.FullMargin, nil
	for _, h := range a.Hosts {
		o.reached = o.reached || h.OK+h.Wrong+h.Missing+h.Refused > 0
		if h.OK > 0 {
			o.alive = true
			o.hosts = append(o.hosts, h.Peer)
		}
	}
}

// renewedAt is when a renewal counts as done: a day after a third of the lease
// ago when only some of the hosts heard of it.
func (k *Keeper) renewedAt(lease time.Duration, whole bool) int64 {
	now := k.cfg.Now()
	if !whole {
		now = now.Add(again - lease/renewPart)
	}
	return now.Unix()
}

// lease is how long the file shall be promised from now: never much past its end.
func (k *Keeper) lease(t task, usual time.Duration) time.Duration {
	if t.until == 0 {
		return usual
	}
	left := time.Unix(t.until, 0).Sub(k.cfg.Now())
	return min(usual, max(left, time.Hour))
}

func (k *Keeper) repair(ctx context.Context, t task, o *outcome) error {
	opts := transfer.RepairOptions{Avoid: k.keepersOf(ctx, t.file), Lease: k.lease(t, shard.LeaseDefault), Audit: transfer.AuditOptions{Leaves: roundLeaves}}
	r, err := k.cfg.Engine.Repair(ctx, t.manifest, opts, func(transfer.Progress) {})
	k.metrics.rebuilt.Add(float64(r.Rebuilt))
	if r.Health.Segments == 0 {
		return err // it did not come to an audit
	}
	o.audited(r.AuditResult)
	if r.Rebuilt > 0 || r.Shortfall != "" {
		k.log.InfoContext(ctx, "file was repaired", "file", t.grant.Locator, "shards", r.Rebuilt, "margin", o.margin, "shortfall", r.Shortfall)
	}
	return err
}
