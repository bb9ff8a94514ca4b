package node

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// What is looked at to find out on whom the owner's files rely.
const (
	reliedFiles = 4096 // manifests, the newest
	reliedPeers = 256  // peers, those with most of the files
	reliedEvery = 5 * time.Minute
)

// relied are the peers on whom the owner's files rely: their hosts and their
// keepers. Gossip watches them however large the mesh is. They are read from the
// manifests, each of which is opened once and when it has changed.
type relied struct {
	manifests func() []string
	read      func(path string) ([]peer.ID, error)
	log       *slog.Logger

	files  map[string]reliedFile
	chosen atomic.Pointer[map[peer.ID]bool]
}

// reliedFile is one manifest as it was read.
type reliedFile struct {
	size    int64
	changed time.Time
	peers   []peer.ID
}

// has reports whether a file relies on a peer. It does not block.
func (r *relied) has(p peer.ID) bool {
	chosen := r.chosen.Load()
	return chosen != nil && (*chosen)[p]
}

// Run looks now and every five minutes, until ctx ends.
func (r *relied) Run(ctx context.Context) error {
	ticker := time.NewTicker(reliedEvery)
	defer ticker.Stop()
	for {
		r.look()
		select {
		case <-ctx.Done():
			return nil
		case <-ticker.C:
		}
	}
}

// look reads what is new, and chooses anew.
func (r *relied) look() {
	was := r.files
	r.files = map[string]reliedFile{}
	for _, f := range newest(r.manifests()) {
		now := reliedFile{size: f.size, changed: f.changed}
		if old, known := was[f.path]; known && old.size == now.size && old.changed.Equal(now.changed) {
			now.peers = old.peers
		} else if peers, err := r.read(f.path); err != nil {
			r.log.Debug("on whom a file relies is not known", "manifest", f.path, "err", err)
		} else {
			now.peers = peers
		}
		r.files[f.path] = now
	}
	chosen := r.choose()
	r.chosen.Store(&chosen)
}

// choose returns the peers that have most of the files.
func (r *relied) choose() map[peer.ID]bool {
	count := map[peer.ID]int{}
	for _, f := range r.files {
		for _, p := range f.peers {
			count[p]++
		}
	}
	peers := slices.SortedFunc(maps.Keys(count), func(a, b peer.ID) int {
		return cmp.Or(count[b]-count[a], cmp.Compare(a, b))
	})
	chosen := map[peer.ID]bool{}
	for _, p := range peers[:min(len(peers), reliedPeers)] {
		chosen[p] = true
	}
	return chosen
}

// datedFile is a file as its folder has it.
type datedFile struct {
	path    string
	size    int64
	changed time.Time
}

// newest returns the files that changed last; those that are gone are left out.
func newest(paths []string) []datedFile {
	var all []datedFile
	for _, path := range paths {
		if info, err := os.Stat(path); err == nil {
			all = append(all, datedFile{path, info.Size(), info.ModTime()})
		}
	}
	slices.SortFunc(all, func(a, b datedFile) int { return b.changed.Compare(a.changed) })
	return all[:min(len(all), reliedFiles)]
}

// partners reads who holds and who keeps the file of a manifest, as far as that
// is known here: everybody in its table of hosts, placed or not.
func (n *Node) partners(path string) ([]peer.ID, error) {
	src, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer src.Close()
	info, err := src.Stat()
	if err != nil {
		return nil, err
	}
	m, err := shard.OpenManifest(src, info.Size())
	if err != nil {
		return nil, err
	}
	peers := n.keeper.Entrusted(m)
	for _, h := range m.Hosts {
		peers = append(peers, h.ID)
	}
	slices.Sort(peers)
	return slices.DeleteFunc(slices.Compact(peers), func(p peer.ID) bool { return p == n.ID() }), nil
}
