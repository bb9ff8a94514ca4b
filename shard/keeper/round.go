package keeper

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

const (
	// justNow is how recent a check must be for a round to pass the file over:
	// a round that was broken off goes on where it was.
	justNow = interval / 2
	// stepTime bounds each of the steps of a check: renewing, auditing, notes.
	stepTime = 5 * time.Minute
	// longTime bounds what a round does not wait for: repair and hand over.
	longTime = 6 * time.Hour
	// atOnce is how many files a round looks at at once, and longAtOnce on how
	// many of the charges, and of the owner's own, long work is done at once.
	atOnce     = 8
	longAtOnce = 4
	// barrenTime is how long a file of which nothing is found is looked for: as
	// long as a lease, its grace and its trash, and a month.
	barrenTime = shard.LeaseDefault + 40*24*time.Hour
	// endedTime is how long a charge stays when the file's time is over.
	endedTime = 7 * 24 * time.Hour
)

// Round looks after every file once, a few at once: the owner's own first, then
// those at risk, then those that were checked longest ago, and at last those
// that could not be checked. What fails for one file does not stop the others;
// the errors are returned together, when all of the work is done.
func (k *Keeper) Round(ctx context.Context) error {
	p := k.lookAround(ctx)
	k.finish()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return p.err
}

// finish waits for the work that rounds have begun.
func (k *Keeper) finish() {
	k.round.Lock()
	defer k.round.Unlock()
	k.files.Wait()
}

// lookAround comes to every file once. It returns when none has a slot any more;
// long work goes on.
func (k *Keeper) lookAround(ctx context.Context) *pass {
	k.round.Lock()
	defer k.round.Unlock()
	k.silent.begin()
	defer k.silent.end()
	p := &pass{k: k, began: time.Now()}
	p.own(ctx)
	p.charges(ctx)
	p.looked.Wait()
	return p
}

// due returns the charges that were not looked at just now and are not worked
// on still, in the order in which they are come to.
func (k *Keeper) due() []*charge {
	type entry struct {
		*charge
		group int // 0: at risk, 1: others, 2: stuck
		age   time.Duration
	}
	now := k.cfg.Now()
	var due []entry
	for _, c := range k.all() {
		r, working := k.state(c)
		e := entry{c, 1, age(now, r.Checked)}
		switch {
		case working || age(now, r.Looked) < justNow:
			continue
		case r.stuck(now):
			e.group, e.age = 2, age(now, r.Looked)
		case r.Checked != 0 && r.atRisk():
			e.group = 0
		}
		due = append(due, e)
	}
	slices.SortStableFunc(due, func(a, b entry) int {
		return cmp.Or(cmp.Compare(a.group, b.group), -cmp.Compare(a.age, b.age))
	})
	charges := make([]*charge, len(due))
	for i, e := range due {
		charges[i] = e.charge
	}
	return charges
}

// state copies what a charge's file says, and whether it is worked on.
func (k *Keeper) state(c *charge) (record, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	return c.record, c.working
}

// check does what a round does for one charge.
func (k *Keeper) check(ctx context.Context, c *charge, at slot) error {
	r, ok := k.view(c)
	if !ok {
		return nil
	}
	over := shard.Charge{Until: r.Until}.Over(k.cfg.Now())
	if over {
		return k.end(c, r)
	}
	asked := r.Members.in()
	answers := k.askTurns(ctx, c.file(), asked, true)
	if len(asked) == 0 && r.From == k.self {
		k.greet(ctx, c.file())
	}
	t := k.taskOf(c, r)
	var o outcome
	var err error
	outcomeName := "watched"
	if myTurn(c.grant.Locator, k.self, r, answers, k.cfg.Now()) {
		outcomeName = "worked"
		k.setWorking(c, true)
		defer k.setWorking(c, false)
		o, err = k.tend(ctx, t)
	}
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil && k.useless(c, r) {
		return errors.Join(err, k.drop(c)) // the others see that, and may bring it again
	}
	if err == nil {
		k.metrics.checks.WithLabelValues(outcomeName).Inc()
	}
	barren, writeErr := k.conclude(c, asked, answers, o)
	err = errors.Join(err, writeErr)
	if barren {
		k.log.WarnContext(ctx, "nothing is left of a file that was kept", "file", c.grant.Locator)
		return errors.Join(err, k.drop(c))
	}
	return errors.Join(err, k.follow(ctx, c, t, o, answers, at))
}

// follow does what comes of a check: repair, and finding keepers, for which the
// round does not wait; then it makes keepers known to one another.
func (k *Keeper) follow(ctx context.Context, c *charge, t task, o outcome, answers map[peer.ID]shard.Turn, at slot) error {
	if !o.mend() && !k.lacks(c, o, answers) {
		k.tell(ctx, c, answers, nil)
		return nil
	}
	return at.longWork(ctx, func(ctx context.Context) error {
		var err error
		if o.mend() {
			err = k.repair(ctx, t, &o)
			err = errors.Join(err, k.update(c, func(r *record) { r.saw(o, k.cfg.Now()) }))
		}
		recruits := k.handOver(ctx, c, o, answers)
		k.tell(ctx, c, answers, recruits)
		return err
	})
}

// conclude writes down what a check found, and that there was one even when it
// failed. It reports whether nothing of the file has been found for too long.
func (k *Keeper) conclude(c *charge, asked []peer.ID, answers map[peer.ID]shard.Turn, o outcome) (barren bool, err error) {
	now := k.cfg.Now()
	reached := o.reached || len(answers) > 0
	err = k.update(c, func(r *record) {
		for _, p := range asked {
			r.Members.returned(p, k.silent.returnedAt(p))
		}
		for _, p := range r.heard(k.self, asked, answers, reached, now) {
			k.log.Info("keeper is given up", "peer", p, "file", c.grant.Locator)
		}
		r.Ended, r.Looked = 0, now.Unix()
		since(&r.Short, now, len(r.Members.in())+1 < r.Wanted)
		r.Renewed, r.Noted = cmp.Or(o.renewed, r.Renewed), cmp.Or(o.noted, r.Noted)
		r.saw(o, now)
		if o.checked && (o.alive || reached) {
			since(&r.Barren, now, !o.alive)
		}
		barren = r.Barren != 0 && reached && age(now, r.Barren) > barrenTime
	})
	return barren, err
}

// end keeps a charge whose time is over for a while, in case a clock is wrong.
func (k *Keeper) end(c *charge, r record) error {
	since(&r.Ended, k.cfg.Now(), true)
	if age(k.cfg.Now(), r.Ended) >= endedTime {
		return k.drop(c)
	}
	return k.update(c, func(now *record) { now.Ended = r.Ended })
}

// useless reports whether the manifest of a charge is damaged or gone.
func (k *Keeper) useless(c *charge, r record) bool {
	if r.Manifest == 0 {
		return false
	}
	_, closeManifest, err := openManifest(k.manifestPath(c))
	if err == nil {
		_ = closeManifest()
	}
	return errors.Is(err, shard.ErrManifest) || errors.Is(err, fs.ErrNotExist)
}

func (k *Keeper) setWorking(c *charge, working bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c.working = working
}
