package kad

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/multiformats/go-multihash"

	"github.com/batchain/batchain/shard"
)

// announcer hands locators to the sweep, which it starts with the first one, or
// with what an earlier Table left in the datastore.
type announcer struct {
	*Table
	sweep *sweep
}

// announce serves Provide and Withdraw until ctx ends.
func (t *Table) announce(ctx context.Context) error {
	a := &announcer{Table: t}
	a.loop(ctx)
	if a.sweep == nil {
		return nil
	}
	return t.livable(a.sweep.close())
}

// loop serves until ctx ends. When the datastore fails, what is queued waits.
func (a *announcer) loop(ctx context.Context) {
	next := time.NewTimer(0) // the next reading of Locators, or the next try
	defer next.Stop()
	wake := a.pending.wake
	for {
		due := false
		select {
		case <-ctx.Done():
			return
		case <-next.C:
			due = true
		case <-wake:
		}
		wake = a.pending.wake
		if err := a.serve(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("announcing is put off", "err", err, "until", time.Now().Add(retryAnnounce))
			next.Reset(retryAnnounce)
			wake = nil
			continue
		}
		if due = a.pending.takeLost() || due; !due || a.locators == nil || ctx.Err() != nil {
			continue
		}
		pause := AnnounceInterval
		if err := a.reconcile(ctx); err != nil && ctx.Err() == nil {
			a.log.Error("locators not read", "err", err)
			pause = retryAnnounce
		}
		next.Reset(pause)
	}
}

// serve hands over what is queued, and begins with what an earlier Table left.
func (a *announcer) serve(ctx context.Context) error {
	if err := a.resume(ctx); err != nil {
		return err
	}
	if !a.addressed(ctx) {
		return nil
	}
	return a.drain(ctx)
}

// resume starts the sweep if there is something from before.
func (a *announcer) resume(ctx context.Context) error {
	if a.sweep != nil {
		return nil
	}
	used, err := a.announced().Has(ctx, usedKey)
	if err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	if !used || !a.addressed(ctx) {
		return nil
	}
	return a.start(ctx)
}

// addressed waits until this node has an address to write into a record, and
// reports whether ctx is still alive.
func (a *announcer) addressed(ctx context.Context) bool {
	for len(a.host.Addrs()) == 0 {
		if !sleep(ctx, watchFull) {
			return false
		}
	}
	return ctx.Err() == nil
}

// drain hands over what Provide and Withdraw queued. What the datastore does
// not take is queued again.
func (a *announcer) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		announce, withdraw := a.pending.take(announceBatch)
		if len(announce)+len(withdraw) == 0 {
			return nil
		}
		if err := a.hand(ctx, announce, withdraw); err != nil {
			a.pending.putBack(announce, withdraw)
			return err
		}
	}
	return nil
}

func (a *announcer) hand(ctx context.Context, announce, withdraw []shard.Locator) error {
	if err := a.start(ctx); err != nil {
		return err
	}
	if err := a.add(ctx, announce); err != nil {
		return err
	}
	if err := a.sweep.provider.StopProviding(hashes(withdraw)...); err != nil {
		return fmt.Errorf("withdraw: %w", err)
	}
	return nil
}

// reconcile brings the sweep's list in line with Locators.
func (a *announcer) reconcile(ctx context.Context) error {
	var batch []shard.Locator
	for l, err := range a.locators(ctx) {
		if err != nil {
			return err
		}
		if batch = append(batch, l); len(batch) < announceBatch {
			continue
		}
		if err := a.start(ctx); err != nil {
			return err
		}
		if err := a.add(ctx, batch); err != nil {
			return err
		}
		batch = batch[:0]
	}
	if len(batch) == 0 && a.sweep == nil {
		return nil
	}
	if err := a.start(ctx); err != nil {
		return err
	}
	if err := a.add(ctx, batch); err != nil {
		return err
	}
	return a.dropOthers(ctx)
}

// dropOthers makes the sweep forget every locator that Locators does not list.
func (a *announcer) dropOthers(ctx context.Context) error {
	reset, giveUp := context.WithCancel(context.WithoutCancel(ctx))
	defer giveUp()
	listed, ended := make(chan cid.Cid), make(chan struct{})
	failed := make(chan error, 1)
	go func() {
		err := a.list(ctx, listed, ended)
		if err != nil {
			// kad-dht's list never answers again when a reset's context ends before
			// the reset has begun. Taking a key shows that it has; what it took is
			// dropped with the rest.
			select {
			case listed <- recordKey(shard.Locator{}):
			case <-ended:
			}
			giveUp() // with the channel open, this leaves the list as it was
		}
		failed <- err
	}()
	err := a.sweep.list.ResetCids(reset, listed)
	close(ended)
	return errors.Join(<-failed, err)
}

// list sends every locator of Locators and closes the channel if all went well.
func (a *announcer) list(ctx context.Context, to chan<- cid.Cid, ended <-chan struct{}) error {
	for l, err := range a.locators(ctx) {
		if err != nil {
			return err
		}
		select {
		case to <- recordKey(l):
		case <-ended:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	close(to)
	return nil
}

// add announces locators that are not yet. Whoever asks this node is told at
// once, also when it has nobody to tell.
func (a *announcer) add(ctx context.Context, locators []shard.Locator) error {
	self := peer.AddrInfo{ID: a.host.ID()}
	for _, l := range locators {
		if err := a.dht.ProviderStore().AddProvider(ctx, recordHash(l), self); err != nil {
			return fmt.Errorf("announce %s: %w", l, err)
		}
	}
	err := a.sweep.provider.StartProviding(false, hashes(locators)...)
	if err = errors.Join(err, a.sweep.list.takeErr()); err != nil {
		return fmt.Errorf("announce: %w", err)
	}
	return nil
}

func (a *announcer) start(ctx context.Context) (err error) {
	if a.sweep == nil {
		a.sweep, err = a.startSweep(ctx)
	}
	return err
}

func hashes(locators []shard.Locator) []multihash.Multihash {
	list := make([]multihash.Multihash, len(locators))
	for i, l := range locators {
		list[i] = recordHash(l)
	}
	return list
}
