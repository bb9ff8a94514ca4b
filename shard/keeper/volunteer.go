package keeper

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
)

// usualKeepers is how many keepers a file usually has.
const usualKeepers = 3

// ErrHost means that this node holds a part of the file, and so cannot be its
// keeper.
var ErrHost = errors.New("a host of the file cannot be its keeper")

// ErrMesh means that a manifest belongs to another mesh.
var ErrMesh = errors.New("manifest is of another mesh")

// Volunteer makes this node a keeper of a manifest's file, and asks those that
// announced themselves as its keepers. They get no key from it: those that have
// it learn of this node from the order, and this node of them when they ask in
// their turn. Until when the file shall live a repair manifest does not say: then
// it is for ever. Errors: [ErrHost], [ErrMesh], those of [shard.OpenManifest] and
// of [Keeper.Keep].
func (k *Keeper) Volunteer(ctx context.Context, manifest string) error {
	m, closeManifest, err := openManifest(manifest)
	if err != nil {
		return err
	}
	defer closeManifest()
	if m.Mesh != k.cfg.Mesh {
		return fmt.Errorf("%w: the manifest is of mesh %q, this is %q", ErrMesh, m.Mesh, k.cfg.Mesh)
	}
	if k.cfg.Holds(m.Grant.Locator) {
		return ErrHost
	}
	if err := k.keepOwn(ctx, m); err != nil {
		return err
	}
	others := k.greet(ctx, fileOf(m))
	k.mu.Lock()
	c := k.charges[ownerOf(m.Grant)]
	k.mu.Unlock()
	if c == nil {
		return nil // deleted meanwhile
	}
	return k.update(c, func(r *record) { r.Wanted = max(r.Wanted, min(1+others, usualKeepers)) })
}

// keepOwn takes the charge of a manifest that lies here.
func (k *Keeper) keepOwn(ctx context.Context, m *shard.Manifest) error {
	temp, err := disk.Temp(k.path(nameOf(m.Grant)+exportSuffix), m.Export)
	if err != nil {
		return err
	}
	from, size, err := openSized(temp)()
	if err != nil {
		return errors.Join(err, remove(temp))
	}
	c := shard.Charge{Grant: m.SignedGrant, Repair: m.Repair.Seed(), Manifest: size, Keepers: []peer.ID{k.self}}
	if m.Private != nil {
		c.Until = m.Private.Expires
	}
	err = k.Keep(ctx, k.self, netip.Prefix{}, c, from)
	return errors.Join(err, from.Close(), remove(temp))
}

// greet tells those that announced themselves as keepers of a file that this
// node is one, and returns how many answer.
func (k *Keeper) greet(ctx context.Context, f file) int {
	return len(k.askTurns(ctx, f, k.find(ctx, f.grant.Locator.Keepers()), true))
}

// Keepers returns the peers that keep the file of a manifest; see keepersOf.
func (k *Keeper) Keepers(ctx context.Context, m *shard.Manifest) []peer.ID {
	return k.keepersOf(ctx, fileOf(m))
}

// keepersOf returns who keeps a file or did so: those that the charge names, this
// node among them, those that were entrusted with it here, and of those that
// announced themselves who answers for it. Names alone are not enough: whoever
// announces others would take them away from a repair.
func (k *Keeper) keepersOf(ctx context.Context, f file) []peer.ID {
	known := k.knownKeepers(f)
	rumoured := slices.DeleteFunc(k.find(ctx, f.grant.Locator.Keepers()), func(p peer.ID) bool { return slices.Contains(known, p) })
	for p := range k.askTurns(ctx, f, rumoured, false) {
		known = append(known, p)
	}
	slices.Sort(known)
	return slices.Compact(known)
}

// Entrusted returns whom this node knows as a keeper of a manifest's file without
// asking anybody: whom it gave the file to, and, where it is one of them, all.
func (k *Keeper) Entrusted(m *shard.Manifest) []peer.ID { return k.knownKeepers(fileOf(m)) }

func (k *Keeper) knownKeepers(f file) []peer.ID {
	known, err := k.readEntrusted(f.grant)
	if err != nil {
		k.log.Warn("who keeps a file is not known any more", "file", f.grant.Locator, "err", err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if c := k.charges[ownerOf(f.grant)]; c != nil {
		known = append(known, k.self)
		for _, e := range c.Members { // one that is silent keeps its charge
			known = append(known, e.Peer)
		}
	}
	return known
}
