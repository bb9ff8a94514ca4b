package keeper

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/transfer"
	"github.com/batchain/batchain/wire"
)

// keepTime bounds one KEEP: the largest manifest at 1 MiB/s takes 17 min.
const keepTime = 30 * time.Minute

// shortTime is how long a closer keeper may take to find the keepers that are
// wanted.
const shortTime = 3 * 24 * time.Hour

// noManifest is the manifest of a charge without one.
func noManifest() (io.ReadCloser, int64, error) { return io.NopCloser(bytes.NewReader(nil)), 0, nil }

// give entrusts one peer with a charge.
func (k *Keeper) give(ctx context.Context, p peer.ID, c shard.Charge, open func() (io.ReadCloser, int64, error)) error {
	manifest, size, err := open()
	if err != nil {
		return err
	}
	defer manifest.Close()
	c.Manifest = size
	limit := keepTime
	if size == 0 {
		limit = askTime
	}
	return k.ask(ctx, p, limit, func(ctx context.Context) error { return k.cfg.Client.Keep(ctx, p, c, manifest) })
}

// openSized opens a file together with its length.
func openSized(path string) func() (io.ReadCloser, int64, error) {
	return func() (io.ReadCloser, int64, error) {
		file, err := os.Open(path)
		if err != nil {
			return nil, 0, err
		}
		info, err := file.Stat()
		if err != nil {
			return nil, 0, errors.Join(err, file.Close())
		}
		return file, info.Size(), nil
	}
}

// recruit entrusts up to n of the candidates, each told of those in c.Keepers
// and those that took it before. Afterwards all of the new ones are told of one
// another, as many as they are. It returns who took it.
func (k *Keeper) recruit(ctx context.Context, c shard.Charge, open func() (io.ReadCloser, int64, error), candidates []peer.AddrInfo, n int) []peer.ID {
	var took []peer.ID
	for _, p := range ids(candidates) {
		if len(took) >= n || len(c.Keepers) >= shard.MaxKeepers || ctx.Err() != nil {
			break
		}
		one := c
		one.Keepers = append(slices.Clone(c.Keepers), p)
		if err := k.give(ctx, p, one, open); err != nil {
			k.log.InfoContext(ctx, "peer does not become a keeper", "peer", p, "err", err)
			continue
		}
		took, c = append(took, p), one
	}
	if len(took) > 1 {
		for _, p := range took[:len(took)-1] {
			if err := k.give(ctx, p, c, noManifest); err != nil {
				k.log.InfoContext(ctx, "keeper does not hear of the others", "peer", p, "err", err)
			}
		}
	}
	return took
}

// candidates returns peers that may become keepers, by lot: in networks of
// which there is none yet first. Nobody can place himself near a file.
//
// Those that are said to be hosts of the file come later. One that is refuses, but
// has seen the repair key by then; one that is not may be named by a liar. Those
// that are said to be gone come last.
func (k *Keeper) candidates(ctx context.Context, leaveOut map[peer.ID]bool, keepers, rumoured []peer.ID) []peer.AddrInfo {
	all := k.gather(k.cfg.Finder.Candidates(ctx), leaveOut)
	rand.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	used := map[netip.Prefix]bool{}
	for _, p := range keepers {
		used[networkOf(k.cfg.Host.Peerstore().PeerInfo(p))] = true
	}
	all = apart(all, used)
	hosts, late := asSet(rumoured), map[peer.ID]int{}
	for _, p := range all {
		switch {
		case k.cfg.Members.Standing(p.ID).Life >= transfer.Doubtful:
			late[p.ID] = 2
		case hosts[p.ID]:
			late[p.ID] = 1
		}
	}
	slices.SortStableFunc(all, func(a, b peer.AddrInfo) int { return late[a.ID] - late[b.ID] })
	return all
}

// apart moves peers of a network that is used already to the end. Those whose
// network is not known count as apart.
func apart(all []peer.AddrInfo, used map[netip.Prefix]bool) []peer.AddrInfo {
	var first, later []peer.AddrInfo
	for _, p := range all {
		at := networkOf(p)
		if at.IsValid() && used[at] {
			later = append(later, p)
			continue
		}
		used[at] = true
		first = append(first, p)
	}
	return append(first, later...)
}

// Entrust gives the file of a manifest, which may read it or not, to keepers
// that hold no shard of it as far as the manifest says, until there are n, until
// the given time (zero: for ever). It returns who keeps the file now; that there
// are fewer than n is no error. Whoever was entrusted before and still keeps it
// counts.
func (k *Keeper) Entrust(ctx context.Context, manifest string, n int, until time.Time) ([]peer.ID, error) {
	m, closeManifest, err := openManifest(manifest)
	if err != nil {
		return nil, err
	}
	defer closeManifest()
	if m.Mesh != k.cfg.Mesh {
		return nil, fmt.Errorf("%w: the manifest is of mesh %q, this is %q", ErrMesh, m.Mesh, k.cfg.Mesh)
	}
	repair, err := disk.Temp(k.path(nameOf(m.Grant)+exportSuffix), m.Export)
	if err != nil {
		return nil, err
	}
	f := fileOf(m)
	keepers, err := k.entrust(ctx, f, until, openSized(repair), asSet(ids(m.Hosts)), n)
	return keepers, errors.Join(err, remove(repair))
}

// EntrustNotes is [Keeper.Entrust] for a locator that has notes only. There a
// host of them may be a keeper: it has nothing to prove to itself.
func (k *Keeper) EntrustNotes(ctx context.Context, grant wire.Signed, repair ed25519.PrivateKey, n int) ([]peer.ID, error) {
	g, _, err := shard.Charge{Grant: grant, Repair: repair.Seed()}.Open(k.cfg.Mesh)
	if err != nil {
		return nil, err
	}
	return k.entrust(ctx, file{grant, shard.GrantDigest(grant), g, repair}, time.Time{}, noManifest, nil, n)
}

func (k *Keeper) entrust(ctx context.Context, f file, until time.Time, open func() (io.ReadCloser, int64, error), hosts map[peer.ID]bool, n int) ([]peer.ID, error) {
	n = min(n, shard.MaxKeepers)
	known, err := k.readEntrusted(f.grant)
	if err != nil {
		k.log.WarnContext(ctx, "who keeps a file is not known any more", "file", f.grant.Locator, "err", err)
	}
	c := shard.Charge{Grant: f.signed, Repair: f.key.Seed()}
	if !until.IsZero() {
		c.Until = until.Unix()
	}
	for p := range k.askTurns(ctx, f, known, false) {
		c.Keepers = append(c.Keepers, p)
	}
	if missing := n - len(c.Keepers); missing > 0 {
		leaveOut := asSet(c.Keepers)
		maps.Copy(leaveOut, hosts)
		var rumoured []peer.ID
		if hosts != nil {
			rumoured = k.find(ctx, f.grant.Locator)
		}
		took := k.recruit(ctx, c, open, k.candidates(ctx, leaveOut, c.Keepers, rumoured), missing)
		c.Keepers = append(c.Keepers, took...)
		if err := k.writeEntrusted(f.grant, c.Keepers); err != nil {
			return c.Keepers, err
		}
	}
	if ctx.Err() != nil {
		return c.Keepers, context.Cause(ctx)
	}
	return c.Keepers, nil
}

// lacks reports whether this keeper shall find new ones, because there are fewer
// than there shall be. Only who has just worked on the file does it, and only
// while something of the file is there; of several the closest, unless it has
// not done so for days.
func (k *Keeper) lacks(c *charge, o outcome, answers map[peer.ID]shard.Turn) bool {
	r, ok := k.view(c)
	if !ok || !o.alive || len(r.Members.in())+1 >= r.Wanted {
		return false
	}
	return closest(c.grant.Locator, k.self, answers) || age(k.cfg.Now(), r.Short) >= shortTime
}

// handOver finds new keepers when there are too few, and returns them.
func (k *Keeper) handOver(ctx context.Context, c *charge, o outcome, answers map[peer.ID]shard.Turn) []peer.ID {
	if !k.lacks(c, o, answers) {
		return nil
	}
	r, _ := k.view(c)
	in := append(r.Members.in(), k.self)
	open := noManifest
	var rumoured []peer.ID
	leaveOut := asSet(in)
	if r.Manifest > 0 {
		open = openSized(k.manifestPath(c))
		maps.Copy(leaveOut, asSet(append(placed(k.manifestPath(c)), o.hosts...)))
		rumoured = k.find(ctx, c.grant.Locator)
	}
	charge := shard.Charge{Grant: r.Grant, Repair: r.Repair, Keepers: in, Until: r.Until}
	took := k.recruit(ctx, charge, open, k.candidates(ctx, leaveOut, in, rumoured), r.Wanted-len(in))
	if len(took) == 0 {
		return nil
	}
	k.metrics.recruits.Add(float64(len(took)))
	err := k.update(c, func(r *record) {
		r.Members.learn(k.self, took)
		for _, p := range took {
			r.Members.spoke(p)
		}
	})
	if err != nil {
		k.log.ErrorContext(ctx, "charge cannot be written", "err", err)
	}
	return took
}

// placed returns the hosts that a manifest names: one of them that is silent may
// come back with its shards.
func placed(manifest string) []peer.ID {
	m, closeManifest, err := openManifest(manifest)
	if err != nil {
		return nil
	}
	defer closeManifest()
	return ids(m.Hosts)
}

// tell makes keepers known to one another: who does not know of this one, or of
// another that is surely there, gets a KEEP without a manifest.
func (k *Keeper) tell(ctx context.Context, c *charge, answers map[peer.ID]shard.Turn, recruits []peer.ID) {
	there := append(slices.Clone(recruits), k.self)
	for p := range answers {
		there = append(there, p)
	}
	there = there[:min(len(there), shard.MaxKeepers)]
	r, _ := k.view(c)
	charge := shard.Charge{Grant: r.Grant, Repair: r.Repair, Keepers: there, Until: r.Until}
	for p, t := range answers {
		ignorant := slices.ContainsFunc(there, func(q peer.ID) bool { return q != p && !slices.Contains(t.Keepers, q) })
		if !ignorant || len(t.Keepers) >= shard.MaxKeepers {
			continue
		}
		if err := k.give(ctx, p, charge, noManifest); err != nil {
			k.log.InfoContext(ctx, "keeper does not hear of the others", "peer", p, "file", c.grant.Locator, "err", err)
		}
	}
}
