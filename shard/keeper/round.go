package keeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
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
	// fileTime bounds the work on one file in one round; the rest is for the next.
	fileTime = 6 * time.Hour
	// barrenTime is how long a file of which nothing is found is looked for: as
	// long as a lease, its grace and its trash, and a month.
	barrenTime = shard.LeaseDefault + 40*24*time.Hour
	// endedTime is how long a charge stays when the file's time is over.
	endedTime = 7 * 24 * time.Hour
)

// Round looks after every file once, one at a time: the owner's own first, then
// those at risk, then those that were checked longest ago. What fails for one
// file does not stop the others; the errors are returned together.
func (k *Keeper) Round(ctx context.Context) error {
	k.round.Lock()
	defer k.round.Unlock()
	err := k.roundOwn(ctx)
	for _, c := range k.due() {
		if k.pace.Wait(ctx) != nil {
			return context.Cause(ctx)
		}
		checkErr := k.check(ctx, c)
		if checkErr != nil && ctx.Err() == nil {
			k.metrics.checks.WithLabelValues("failed").Inc()
			err = errors.Join(err, fmt.Errorf("file %s: %w", c.grant.Locator, checkErr))
		}
	}
	return err
}

// due returns the charges that were not looked at just now, in the order in
// which they are worked on.
func (k *Keeper) due() []*charge {
	type entry struct {
		*charge
		risk bool
		age  time.Duration
	}
	now := k.cfg.Now()
	var due []entry
	for _, c := range k.all() {
		r, _ := k.view(c)
		if age(now, r.Looked) >= justNow {
			due = append(due, entry{c, r.Checked != 0 && r.atRisk(), age(now, r.Checked)})
		}
	}
	slices.SortStableFunc(due, func(a, b entry) int {
		if a.risk != b.risk {
			if a.risk {
				return -1
			}
			return 1
		}
		return -cmp.Compare(a.age, b.age)
	})
	charges := make([]*charge, len(due))
	for i, e := range due {
		charges[i] = e.charge
	}
	return charges
}

// check does what a round does for one charge.
func (k *Keeper) check(ctx context.Context, c *charge) error {
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	r, ok := k.view(c)
	if !ok {
		return nil
	}
	over := shard.Charge{Until: r.Until}.Over(k.cfg.Now())
	if over {
		return k.end(c, r)
	}
	asked := r.Members.in()
	answers := k.askTurns(ctx, c.file(), asked)
	var o outcome
	var err error
	outcomeName := "watched"
	if myTurn(c.grant.Locator, k.self, r, answers, k.cfg.Now()) {
		outcomeName = "worked"
		k.setWorking(c, true)
		defer k.setWorking(c, false)
		o, err = k.tend(ctx, k.taskOf(c, r))
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
	if barren {
		k.log.WarnContext(ctx, "nothing is left of a file that was kept", "file", c.grant.Locator)
		return errors.Join(err, k.drop(c))
	}
	recruits := k.handOver(ctx, c, o, answers)
	k.tell(ctx, c, answers, recruits)
	return errors.Join(err, writeErr)
}

// conclude writes down what a check found. It reports whether nothing of the
// file has been found for too long.
func (k *Keeper) conclude(c *charge, asked []peer.ID, answers map[peer.ID]shard.Turn, o outcome) (barren bool, err error) {
	now := k.cfg.Now()
	reached := o.reached || len(answers) > 0
	err = k.update(c, func(r *record) {
		for _, p := range r.heard(k.self, asked, answers, reached, now) {
			k.log.Info("keeper is given up", "peer", p, "file", c.grant.Locator)
		}
		r.Ended, r.Looked = 0, now.Unix()
		since(&r.Short, now, len(r.Members.in())+1 < r.Wanted)
		r.Renewed, r.Noted = cmp.Or(o.renewed, r.Renewed), cmp.Or(o.noted, r.Noted)
		if o.checked {
			r.Checked, r.Own, r.Margin, r.Full = now.Unix(), now.Unix(), o.margin, o.full
			if o.alive || reached {
				since(&r.Barren, now, !o.alive)
			}
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
