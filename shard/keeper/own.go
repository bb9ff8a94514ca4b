package keeper

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
)

// upkeep is what is remembered of one of the owner's own files, until the node
// stops: doing it once more is cheap.
type upkeep struct{ renewed, noted int64 }

// roundOwn looks after the owner's own files, whoever else keeps them: those at
// risk first, then those that were checked longest ago.
func (k *Keeper) roundOwn(ctx context.Context) (err error) {
	var paths []string
	order, owned := map[string]time.Time{}, map[string]bool{}
	for _, path := range k.cfg.Own() {
		owned[path] = true
		h, known := transfer.ReadHealth(path)
		switch {
		case known && age(k.cfg.Now(), h.Checked.Unix()) < justNow:
			continue
		case known && h.Margin > h.FullMargin/2:
			order[path] = h.Checked
		}
		paths = append(paths, path)
	}
	slices.SortStableFunc(paths, func(a, b string) int { return order[a].Compare(order[b]) })
	for _, path := range paths {
		if k.pace.Wait(ctx) != nil {
			return context.Cause(ctx)
		}
		if ownErr := k.checkOwn(ctx, path); ownErr != nil && ctx.Err() == nil {
			k.metrics.checks.WithLabelValues("failed").Inc()
			err = errors.Join(err, fmt.Errorf("manifest %s: %w", path, ownErr))
		}
	}
	k.forgetOwn(owned)
	return err
}

func (k *Keeper) checkOwn(ctx context.Context, path string) error {
	ctx, cancel := context.WithTimeout(ctx, fileTime)
	defer cancel()
	m, closeManifest, err := openManifest(path)
	if err != nil {
		return err
	}
	t := task{file: fileOf(m), manifest: path}
	if m.Private != nil {
		t.until = m.Private.Expires
	}
	mesh := m.Mesh
	if err := closeManifest(); err != nil {
		return err
	}
	if mesh != k.cfg.Mesh || (shard.Charge{Until: t.until}).Over(k.cfg.Now()) {
		return nil
	}
	k.mu.Lock()
	before := k.own[path]
	k.mu.Unlock()
	t.renewed, t.noted, t.avoid = before.renewed, before.noted, k.Keepers(ctx, t.grant.Locator)
	o, err := k.tend(ctx, t)
	if err == nil {
		k.metrics.checks.WithLabelValues("worked").Inc()
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if o.renewed != 0 {
		before.renewed = o.renewed
	}
	if o.noted != 0 {
		before.noted = o.noted
	}
	k.own[path] = before
	return err
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
