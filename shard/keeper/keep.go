package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// settle is how long whoever brought a charge may still say how many keepers
// there shall be, which are asked one after the other, and shorten its time.
const settle = time.Hour

// Keep implements [exchange.Keeper]. What is kept already learns of more
// keepers; another manifest it takes only from whoever brought the first one,
// and only one of the same core.
func (k *Keeper) Keep(ctx context.Context, from peer.ID, network netip.Prefix, c shard.Charge, manifest io.Reader) error {
	err := k.keep(ctx, sourceOf(from, network), c, manifest)
	if err != nil {
		k.metrics.refuse(err)
		return fmt.Errorf("keep: %w", err)
	}
	return nil
}

func (k *Keeper) keep(ctx context.Context, from source, c shard.Charge, manifest io.Reader) error {
	g, _, err := c.Open(k.cfg.Mesh)
	if err != nil {
		return err
	}
	if c.Over(k.cfg.Now()) {
		return wire.ErrBadRequest.With("the file's time has passed")
	}
	if c.Manifest > 0 && k.cfg.Holds(g.Locator) {
		return wire.ErrBadRequest.With("a host of the file cannot be its keeper")
	}
	known, err := k.admit(from, c, g)
	if err != nil {
		return err
	}
	defer k.leave(g)
	temp := ""
	if c.Manifest > 0 {
		if temp, err = k.takeManifest(ctx, from.peer, c, g, known, manifest); err != nil {
			return err
		}
	}
	return k.commit(from, c, g, temp)
}

// commit makes an admitted charge durable: first its manifest, then itself.
func (k *Keeper) commit(from source, c shard.Charge, g shard.Grant, temp string) error {
	fresh, err := k.place(from, c, g, temp)
	if err != nil {
		return errors.Join(err, remove(temp))
	}
	if fresh {
		k.cfg.Announce(g.Locator.Keepers())
	}
	return nil
}

// place reports whether the charge is a new one.
func (k *Keeper) place(from source, c shard.Charge, g shard.Grant, temp string) (fresh bool, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := ownerOf(g)
	known := k.charges[o]
	switch {
	case k.arriving[o].deleted:
		return false, wire.ErrDeleted
	case known == nil && temp == "" && c.Manifest > 0:
		return false, wire.ErrInProgress.With("the file was dropped just now") // its manifest was not read
	case known == nil:
		fresh = true
		known, err = openCharge(record{
			Version: recordVersion, Grant: c.Grant, Repair: c.Repair, From: from.peer, Network: from.network, Given: k.cfg.Now().Unix(), Until: c.Until, Wanted: 1,
		}, k.cfg.Mesh)
		if err != nil {
			return false, err
		}
	}
	if temp != "" {
		if err := disk.Place(temp, k.manifestPath(known)); err != nil {
			return false, err
		}
		known.Manifest = c.Manifest
	}
	k.merge(known, from.peer, c)
	if err := k.write(known); err != nil {
		return false, err
	}
	k.charges[o] = known
	return fresh, nil
}

// merge takes in what a KEEP says of the other keepers. How many there shall
// be, and until when, only he may say who brought the charge: while it is new;
// later on he may only lengthen the time. He may be a keeper that turned hostile.
func (k *Keeper) merge(c *charge, from peer.ID, m shard.Charge) {
	c.Members.learn(k.self, m.Keepers)
	c.Members.spoke(from)
	if from != c.From {
		return
	}
	settling := age(k.cfg.Now(), c.Given) < settle
	if longer := m.Until == 0 || c.Until != 0 && m.Until > c.Until; longer || settling {
		c.Until = m.Until
	}
	if settling {
		c.Wanted = max(c.Wanted, len(m.Keepers))
	}
}

// Forget implements [exchange.Keeper]. Of a file that is not kept nothing is
// remembered: anybody can delete files of his own.
func (k *Keeper) Forget(grant shard.Grant) error {
	o := ownerOf(grant)
	k.mu.Lock()
	c, a := k.charges[o], k.arriving[o]
	if a != nil {
		a.deleted = true
	}
	var err error
	if c != nil || a != nil {
		k.tombs.add(o, k.cfg.Now())
		err = k.tombs.write(k.path(tombsName))
	}
	k.mu.Unlock()
	if c != nil {
		err = errors.Join(err, k.drop(c))
	}
	return err
}
