package devices

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/catalogue"
)

const (
	firstRetry = time.Second // while something is lacking, doubled up to
	longRetry  = 2 * time.Minute
	idle       = 10 * time.Minute       // else: what the catalogue has learnt from the mesh is looked at by then
	restLeast  = 100 * time.Millisecond // between two comparisons; restShare times what looking took, but at most
	restMost   = 5 * time.Second
	restShare  = 4
	writeLot   = 256 // changes of the replica at one time
)

// keep brings the list, as the devices share it, and the list at home together
// whenever either has changed, until ctx ends.
func (d *Devices) keep(ctx context.Context) {
	retry := firstRetry
	for {
		looked, whole, err := d.compare(ctx)
		if err != nil && ctx.Err() == nil {
			d.log.Info("the list of files is not equal on the owner's devices", "err", err)
		}
		if !sleep(ctx, max(restLeast, min(restShare*looked, restMost)), nil) {
			return
		}
		wait := retry
		if retry = min(2*retry, longRetry); whole && err == nil {
			wait, retry = idle, firstRetry
		}
		if !sleep(ctx, wait, d.work) {
			return
		}
	}
}

// sleep waits for a time or for wake, and reports whether ctx goes on.
func sleep(ctx context.Context, pause time.Duration, wake <-chan struct{}) bool {
	timer := time.NewTimer(pause)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-wake:
	case <-ctx.Done():
	}
	return ctx.Err() == nil
}

// difference is what the list that is shared and the one at home do not agree on.
type difference struct {
	wanted   []shard.FileID // listed, and not at home
	unlisted []shard.FileID // at home, and not listed
	dead     []shard.FileID // listed, and deleted or over
	left     []shard.FileID // deleted, and their manifest is still at home
}

func (d *Devices) difference() (diff difference, err error) {
	known, err := d.cfg.List.Known()
	if err != nil {
		return diff, err
	}
	listed := map[shard.FileID]bool{}
	for element := range d.files.All() {
		if len(element) != len(shard.FileID{}) {
			continue // of a later version
		}
		id := shard.FileID([]byte(element))
		listed[id] = true
		switch k := known[id]; {
		case k.Gone || k.Over:
			diff.dead = append(diff.dead, id)
		case !k.AtHome:
			diff.wanted = append(diff.wanted, id)
		}
	}
	for id, k := range known {
		switch {
		case k.Left:
			diff.left = append(diff.left, id)
		case !k.Gone && !k.Over && k.AtHome && !listed[id]:
			diff.unlisted = append(diff.unlisted, id)
		}
	}
	return diff, nil
}

// compare makes both lists equal as far as the devices that are there allow. It
// tells how long it looked for differences, and whether nothing is lacking. The list at home says what is deleted, the
// shared one what changed: so a file goes only when a device knows its deletion.
func (d *Devices) compare(ctx context.Context) (looked time.Duration, whole bool, err error) {
	began := time.Now()
	diff, err := d.difference()
	looked = time.Since(began)
	if err == nil {
		err = errors.Join(d.drop(diff.left), inLots(diff.dead, d.files.Remove))
	}
	partners := d.partners()
	if err != nil || len(partners) == 0 {
		return looked, true, err // who comes wakes us
	}
	wanted, err := d.fetch(ctx, partners, diff.wanted)
	if err == nil {
		err = d.offer(ctx, partners, diff.unlisted)
	}
	return looked, len(wanted) == 0, err
}

// fetch takes in the files that any of the devices has, and returns the rest.
func (d *Devices) fetch(ctx context.Context, partners []peer.ID, wanted []shard.FileID) (rest []shard.FileID, err error) {
	for _, p := range partners {
		rest = nil
		failed := d.ask(ctx, p, wanted, true, func(a answers) error {
			rest = append(rest, a.rest...)
			gone, err := d.cfg.List.Enter(a.entries...)
			if err != nil {
				return err
			}
			return d.bury(append(gone, a.gone...))
		})
		if failed != nil {
			err = errors.Join(err, failed)
			continue // another may have them
		}
		wanted = rest
	}
	if len(wanted) == 0 {
		err = nil
	}
	return wanted, err
}

// offer lists the files at home that the shared list lacks, but buries those that a
// device knows to be deleted. What a device of a lower id has too is left to that
// one to list. A device that does not answer counts as one that is off: what it
// knows to be deleted it takes off the list again. At least one has to answer.
func (d *Devices) offer(ctx context.Context, partners []peer.ID, unlisted []shard.FileID) (err error) {
	theirs, answered := map[shard.FileID]bool{}, false
	for _, p := range partners {
		rest, failed := d.offerTo(ctx, p, unlisted, theirs)
		if failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		unlisted, answered = rest, true
	}
	if !answered {
		return err
	}
	return errors.Join(err, inLots(slices.DeleteFunc(unlisted, func(id shard.FileID) bool { return theirs[id] }), d.files.Add))
}

// offerTo asks one device, and returns what is not deleted. What that one is to
// list is added to theirs.
func (d *Devices) offerTo(ctx context.Context, p peer.ID, unlisted []shard.FileID, theirs map[shard.FileID]bool) (rest []shard.FileID, err error) {
	err = d.ask(ctx, p, unlisted, false, func(a answers) error {
		for _, id := range a.here {
			theirs[id] = theirs[id] || p < d.cfg.Host.ID()
		}
		rest = append(append(rest, a.rest...), a.here...)
		return d.bury(a.gone)
	})
	return rest, err
}

// bury takes in that files are deleted.
func (d *Devices) bury(gone []shard.FileID) error {
	if len(gone) == 0 {
		return nil
	}
	if err := d.cfg.List.Bury(gone...); err != nil {
		return err
	}
	if err := d.drop(gone); err != nil {
		return err
	}
	return inLots(gone, d.files.Remove)
}

func (d *Devices) drop(gone []shard.FileID) error {
	for _, id := range gone {
		if err := d.cfg.Drop(id); err != nil {
			return err
		}
	}
	return nil
}

// inLots changes the replica by so much at a time that others get at it between.
func inLots(files []shard.FileID, change func(...string) error) error {
	for lot := range slices.Chunk(files, writeLot) {
		elements := make([]string, len(lot))
		for i, id := range lot {
			elements[i] = string(id[:])
		}
		if err := change(elements...); err != nil {
			return err
		}
	}
	return nil
}

var _ List = (*catalogue.Catalogue)(nil)
