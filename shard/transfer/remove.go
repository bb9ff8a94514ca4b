package transfer

import (
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// RemoveResult tells what a remove did.
type RemoveResult struct {
	File      shard.FileID
	Name      string
	Hosts     int
	Deleted   int       // shards that went
	Unreached []peer.ID // hosts that were not told, and keep their shards
	Noted     bool      // [Engine.FinishRemoves] will tell them
}

// Remove deletes a file at every host and then its manifest; its keepers let it
// go as well. Only the owner can: [ErrNoKey]. Hosts that do not answer are listed, and keep what they have until
// [Engine.FinishRemoves] reaches them.
// When nobody answers the manifest stays: [ErrNobodyDeleted].
func (e *Engine) Remove(ctx context.Context, manifest string, report func(Progress)) (RemoveResult, error) {
	m, closeManifest, err := e.openManifest(manifest)
	if err != nil {
		return RemoveResult{}, err
	}
	defer closeManifest()
	if m.Key == nil {
		return RemoveResult{}, fmt.Errorf("%w: a repair manifest cannot delete its file", ErrNoKey)
	}
	admin := e.cfg.Seed.AdminKey(m.Private.File)
	if !m.Grant.Admin.Equal(admin.Public()) {
		return RemoveResult{}, fmt.Errorf("%w: only the owner of %s can delete it", ErrNoKey, m.Private.Name)
	}
	r := RemoveResult{File: m.Private.File, Name: m.Private.Name}
	if err := e.forget(r.File); err != nil {
		return r, err
	}
	var keepers sync.WaitGroup
	keepers.Go(func() { e.dismiss(ctx, m, admin) })
	e.deleteEverywhere(ctx, m, admin, &r, report)
	keepers.Wait()
	if err := ctx.Err(); err != nil {
		return r, context.Cause(ctx)
	}
	if r.Hosts > 0 && len(r.Unreached) == r.Hosts {
		return r, ErrNobodyDeleted
	}
	if len(r.Unreached) > 0 {
		if r.Noted, err = e.noteUnremoved(r.File, m.SignedGrant, r.Unreached); err != nil {
			return r, fmt.Errorf("note who is to be told: %w", err)
		}
	}
	return r, errors.Join(e.dropManifest(manifest), e.dropManifest(e.ManifestPath(r.File)))
}

// forget drops the journal of a file, which a crash right after its put may
// have left: the put must not be taken up when the shards are gone.
func (e *Engine) forget(file shard.FileID) error {
	paths, err := filepath.Glob(filepath.Join(e.cfg.Journal, "*"+journalSuffix))
	if err != nil {
		return err
	}
	for _, path := range paths {
		if id, err := journalFile(path); err == nil && id == file {
			if err := os.Remove(path); err != nil {
				return err
			}
		}
	}
	return nil
}

func (e *Engine) deleteEverywhere(ctx context.Context, m *shard.Manifest, admin ed25519.PrivateKey, r *RemoveResult, report func(Progress)) {
	var (
		mu    sync.Mutex
		wait  sync.WaitGroup
		slots = make(chan struct{}, askAtOnce)
		done  int64
	)
	hosts := e.everyHost(ctx, m)
	r.Hosts = len(hosts)
	for _, p := range hosts {
		slots <- struct{}{}
		wait.Go(func() {
			defer func() { <-slots }()
			n, err := e.deleteAt(ctx, p, m.SignedGrant, admin)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				e.log.InfoContext(ctx, "host did not delete", "peer", p, "err", err)
				r.Unreached = append(r.Unreached, p)
			}
			r.Deleted += n
			done++
			report(Progress{Phase: "remove", Done: done, Total: int64(len(hosts))})
		})
	}
	wait.Wait()
}

// announced returns who announced a locator, as the routing layer has it.
func (e *Engine) announced(ctx context.Context, l shard.Locator) []peer.AddrInfo {
	look, cancel := context.WithTimeout(ctx, locateTime)
	defer cancel()
	var peers []peer.AddrInfo
	for p := range e.cfg.Finder.Find(look, l) {
		if peers = append(peers, p); len(peers) > maxCandidates {
			break
		}
	}
	return peers
}

// everyHost returns the manifest's hosts and those that announced the file.
func (e *Engine) everyHost(ctx context.Context, m *shard.Manifest) []peer.ID {
	seen := map[peer.ID]bool{e.apart(): true}
	var hosts []peer.ID
	add := func(p peer.AddrInfo) {
		if !seen[p.ID] {
			seen[p.ID] = true
			e.remember(p)
			hosts = append(hosts, p.ID)
		}
	}
	for _, p := range m.Hosts {
		add(p)
	}
	for _, p := range e.announced(ctx, m.Grant.Locator) {
		add(p)
	}
	return hosts
}

func (e *Engine) deleteAt(ctx context.Context, p peer.ID, grant wire.Signed, admin ed25519.PrivateKey) (int, error) {
	if err := e.connect(ctx, p); err != nil {
		return 0, err
	}
	order := shard.Order{Grant: shard.GrantDigest(grant), Host: p, NotAfter: time.Now().Add(orderTime).Unix()}
	signed, err := order.Sign(admin, shard.OrderDelete, e.cfg.Mesh)
	if err != nil {
		return 0, err
	}
	return e.cfg.Client.Delete(ctx, p, grant, signed)
}
