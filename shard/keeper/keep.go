package keeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"syscall"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// settle is how long whoever brought a charge may still say how many keepers
// there shall be, which are asked one after the other, and shorten its time.
const settle = time.Hour

// arrival is a charge that is being brought.
type arrival struct {
	from    source
	bytes   int64
	deleted bool // its owner deleted the file meanwhile
}

// source is who brought a charge, and from which network: "" is none.
type source struct {
	peer    peer.ID
	network string
}

func sourceOf(from peer.ID, network netip.Prefix) source {
	if !network.IsValid() {
		return source{peer: from}
	}
	return source{from, network.String()}
}

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

// admit checks the limits and holds room until leave. It returns the charge
// that is here already, if any.
func (k *Keeper) admit(from source, c shard.Charge, g shard.Grant) (*charge, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	o := ownerOf(g)
	known := k.charges[o]
	switch {
	case k.tombs.has(o):
		return nil, wire.ErrDeleted
	case k.arriving[o] != nil:
		return nil, wire.ErrInProgress
	case known != nil && known.digest != shard.GrantDigest(c.Grant):
		return nil, wire.ErrBadRequest.With("the file is kept under another grant")
	}
	more := int64(0)
	if known == nil {
		more = c.Manifest
	} else {
		more = max(0, c.Manifest-known.Manifest)
	}
	if err := k.room(from, known == nil, more); err != nil {
		return nil, err
	}
	k.arriving[o] = &arrival{from: from, bytes: more}
	return known, nil
}

// load is so many files and bytes of manifests.
type load struct {
	files int
	bytes int64
}

func (l *load) add(bytes int64) { l.files, l.bytes = l.files+1, l.bytes+bytes }

// room returns an error unless one more file, or more bytes of one, fit.
func (k *Keeper) room(from source, file bool, more int64) error {
	var all, peers, networks load
	count := func(by source, size int64) {
		all.add(size)
		if by.peer == from.peer {
			peers.add(size)
		}
		if by.network == from.network && by.network != "" {
			networks.add(size)
		}
	}
	for _, c := range k.charges {
		count(source{c.From, c.Network}, c.Manifest)
	}
	for _, a := range k.arriving {
		count(a.from, a.bytes)
	}
	full := func(l load, files int, bytes int64) bool {
		return file && l.files >= files || more > 0 && l.bytes+more > bytes
	}
	l := k.cfg.Limits
	switch {
	case full(peers, l.PeerFiles, l.PeerBytes), full(networks, l.networkFiles(), l.networkBytes()):
		return wire.ErrQuota
	case full(all, l.Files, l.Bytes):
		return wire.ErrFull
	}
	return nil
}

func (k *Keeper) leave(g shard.Grant) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.arriving, ownerOf(g))
}

// takeManifest reads the manifest to a temp file that the caller renames or
// removes; "" when the one that is here stays.
func (k *Keeper) takeManifest(ctx context.Context, from peer.ID, c shard.Charge, g shard.Grant, known *charge, manifest io.Reader) (string, error) {
	if known != nil && !k.mayReplace(from, known) {
		_, err := io.CopyN(io.Discard, manifest, c.Manifest)
		return "", err
	}
	temp, err := disk.Temp(k.path(nameOf(g)+arrivingSuffix), func(w io.Writer) error {
		_, err := io.CopyN(w, manifest, c.Manifest)
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return err
	})
	if errors.Is(err, syscall.ENOSPC) {
		return "", wire.ErrFull
	} else if err != nil {
		return "", err
	}
	if err := k.checkManifest(ctx, temp, c, known); err != nil {
		return "", errors.Join(err, remove(temp))
	}
	return temp, nil
}

func (k *Keeper) mayReplace(from peer.ID, known *charge) bool {
	r, _ := k.view(known)
	_, err := os.Stat(k.manifestPath(known))
	return r.Manifest == 0 || r.From == from || err != nil
}

// checkManifest verifies every byte of a manifest that a stranger gave.
func (k *Keeper) checkManifest(ctx context.Context, path string, c shard.Charge, known *charge) error {
	k.verify.Lock()
	defer k.verify.Unlock()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	m, closeManifest, err := openManifest(path)
	if errors.Is(err, shard.ErrManifest) || errors.Is(err, shard.ErrNewer) {
		return wire.ErrBadRequest.With("%v", err)
	} else if err != nil {
		return err
	}
	defer closeManifest()
	if m.Key != nil {
		return wire.ErrBadRequest.With("a manifest that reads the file is not kept for others")
	}
	if m.Mesh != k.cfg.Mesh || shard.GrantDigest(m.SignedGrant) != shard.GrantDigest(c.Grant) {
		return wire.ErrBadRequest.With("the manifest is another file's")
	}
	if known == nil || known.Manifest == 0 {
		return nil
	}
	before, closeBefore, err := openManifest(k.manifestPath(known))
	if err != nil {
		return nil // nothing to compare with
	}
	defer closeBefore()
	if before.Core != m.Core {
		return wire.ErrBadRequest.With("the manifest lists other segments than the one that is kept")
	}
	return nil
}

// openManifest opens a manifest on disk, to be closed.
func openManifest(path string) (*shard.Manifest, func() error, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	var m *shard.Manifest
	if err == nil {
		m, err = shard.OpenManifest(file, info.Size())
	}
	if err != nil {
		return nil, nil, errors.Join(err, file.Close())
	}
	return m, file.Close, nil
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

// Turn implements [exchange.Keeper]. Who asks has the repair key; so he who says
// that he is a keeper becomes known as one.
func (k *Keeper) Turn(_ context.Context, from peer.ID, grant shard.Grant, keeps bool) (shard.Turn, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	c := k.charges[ownerOf(grant)]
	switch {
	case k.tombs.has(ownerOf(grant)):
		return shard.Turn{}, wire.ErrDeleted
	case c == nil || c.grant.Locator != grant.Locator || !c.grant.Repair.Equal(grant.Repair):
		return shard.Turn{}, wire.ErrNotFound
	}
	if keeps {
		c.Members.learn(k.self, []peer.ID{from})
	}
	c.Members.spoke(from)
	return shard.Turn{
		Working: c.working, Checked: c.Checked, Margin: c.Margin,
		Keepers: append([]peer.ID{k.self}, c.Members.in()...),
	}, nil
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
