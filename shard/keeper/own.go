package keeper

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
)

// upkeep is what is remembered of one of the owner's own files, until the node
// stops: doing it once more is cheap.
type upkeep struct {
	renewed, noted int64
	working        bool
}

// own comes to the owner's own files, whoever else keeps them: those at risk
// first, then those that were checked longest ago.
func (p *pass) own(ctx context.Context) {
	k := p.k
	var paths []string
	order, owned := map[string]time.Time{}, map[string]bool{}
	for _, path := range k.cfg.Own() {
		owned[path] = true
		h, known := transfer.ReadHealth(path)
		switch {
		case known && age(k.cfg.Now(), h.Checked.Unix()) < justNow, k.upkeep(path).working:
			continue
		case known && h.Margin > h.FullMargin/2:
			order[path] = h.Checked
		}
		paths = append(paths, path)
	}
	slices.SortStableFunc(paths, func(a, b string) int { return order[a].Compare(order[b]) })
	for _, path := range paths {
		if !p.file(ctx, "manifest "+path, k.ownLong, func(ctx context.Context, at slot) error { return k.checkOwn(ctx, path, at) }) {
			break
		}
	}
	k.forgetOwn(owned)
}

func (k *Keeper) checkOwn(ctx context.Context, path string, at slot) error {
	t, ok, err := k.taskOwn(path)
	if err != nil || !ok {
		return err
	}
	k.keepUp(path, func(u *upkeep) { u.working = true })
	defer k.keepUp(path, func(u *upkeep) { u.working = false })
	o, err := k.tend(ctx, t)
	if err == nil {
		k.metrics.checks.WithLabelValues("worked").Inc()
	}
	k.keepUp(path, func(u *upkeep) { u.renewed, u.noted = cmp.Or(o.renewed, u.renewed), cmp.Or(o.noted, u.noted) })
	if !o.mend() {
		return err
	}
	return errors.Join(err, at.longWork(ctx, func(ctx context.Context) error { return k.repair(ctx, t, &o) }))
}

// taskOwn is what there is to do for one of the owner's files; false when it is
// of another mesh or its time has passed.
func (k *Keeper) taskOwn(path string) (task, bool, error) {
	m, closeManifest, err := openManifest(path)
	if err != nil {
		return task{}, false, err
	}
	defer closeManifest()
	u := k.upkeep(path)
	t := task{file: fileOf(m), manifest: path, renewed: u.renewed, noted: u.noted}
	if m.Private != nil {
		t.until = m.Private.Expires
	}
	return t, m.Mesh == k.cfg.Mesh && !(shard.Charge{Until: t.until}).Over(k.cfg.Now()), nil
}

func (k *Keeper) upkeep(path string) upkeep {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.own[path]
}

func (k *Keeper) keepUp(path string, change func(*upkeep)) {
	k.mu.Lock()
	defer k.mu.Unlock()
	u := k.own[path]
	change(&u)
	k.own[path] = u
}

// forgetOwn forgets what is no longer the owner's.
func (k *Keeper) forgetOwn(owned map[string]bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for path := range k.own {
		if !owned[path] {
			delete(k.own, path)
		}
	}
}
