package node

import (
	"context"
	"crypto/rand"
	"iter"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"

	"github.com/batchain/batchain/kad"
	"github.com/batchain/batchain/shard"
)

// When the search for candidates ends.
const (
	maxCandidates   = 64
	candidatesTime  = 8 * time.Second
	fruitlessRounds = 2  // lookups of random keys that bring nobody new
	maxMet          = 32 // of those met before, many of whom may be gone
)

// routing is what the finder asks of the routing layer; [kad.Table] fits.
type routing interface {
	Closest(ctx context.Context, key []byte) ([]peer.AddrInfo, error)
	Find(ctx context.Context, l shard.Locator) iter.Seq[peer.AddrInfo]
	FindPeer(ctx context.Context, id peer.ID) (peer.AddrInfo, error)
}

var _ routing = (*kad.Table)(nil)

// finder knows where hosts are: those connected, those met before, those that
// the routing layer finds. With the routing layer down the first two remain.
type finder struct {
	host    host.Host
	routing routing
	met     func() []peer.AddrInfo // known from before, last seen first
	members func() []peer.AddrInfo // that live and keep shards
	speaks  protocol.ID            // of a host
	joined  func(context.Context)  // returns when the node is among others, or will not be
}

// Candidates yields peers that may keep a shard, each once, never this node:
// connected hosts, live members, peers met before, then the closest to random keys. It ends
// after 64 peers or 8 s, or when two lookups in a row bring nobody new.
func (f *finder) Candidates(ctx context.Context) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) {
		ctx, cancel := context.WithTimeout(ctx, candidatesTime)
		defer cancel()
		c := &candidates{finder: f, seen: map[peer.ID]bool{f.host.ID(): true}, yield: yield}
		f.joined(ctx)
		_ = c.offer(f.connected()) && c.offer(f.members()) && c.offer(head(f.met(), maxMet)) && c.search(ctx)
	}
}

// candidates is one search.
type candidates struct {
	*finder
	seen  map[peer.ID]bool // and this node itself
	yield func(peer.AddrInfo) bool
}

// offer yields those that are new and may be hosts, and reports whether the
// search goes on.
func (c *candidates) offer(infos []peer.AddrInfo) bool {
	for _, info := range infos {
		if c.seen[info.ID] || c.keepsNothing(info.ID) {
			continue
		}
		c.seen[info.ID] = true
		if !c.yield(info) || len(c.seen) > maxCandidates {
			return false
		}
	}
	return true
}

// search looks up random keys.
func (c *candidates) search(ctx context.Context) bool {
	for fruitless := 0; fruitless < fruitlessRounds; {
		var key [32]byte
		rand.Read(key[:])
		infos, err := c.routing.Closest(ctx, key[:])
		if ctx.Err() != nil && len(infos) == 0 {
			return false
		}
		before := len(c.seen)
		if !c.offer(infos) {
			return false
		}
		fruitless++
		if err == nil && len(c.seen) > before {
			fruitless = 0
		}
	}
	return true
}

func head(infos []peer.AddrInfo, n int) []peer.AddrInfo { return infos[:min(n, len(infos))] }

// connected lists the peers that there is a connection to.
func (f *finder) connected() []peer.AddrInfo {
	ids := f.host.Network().Peers()
	infos := make([]peer.AddrInfo, 0, len(ids))
	for _, id := range ids {
		infos = append(infos, f.host.Peerstore().PeerInfo(id))
	}
	return infos
}

// newTime is how long after it connected a peer may still say that it speaks
// more: a node that starts dials before it serves.
const newTime = 2 * time.Second

// keepsNothing tells whether a peer has said which protocols it speaks, and
// ours for shards is not one of them.
func (f *finder) keepsNothing(id peer.ID) bool {
	for _, c := range f.host.Network().ConnsToPeer(id) {
		if time.Since(c.Stat().Opened) < newTime {
			return false
		}
	}
	all, err := f.host.Peerstore().GetProtocols(id)
	if err != nil || len(all) == 0 {
		return false
	}
	for _, p := range all {
		if p == f.speaks {
			return false
		}
	}
	return true
}

// Find yields the hosts that announced a file.
func (f *finder) Find(ctx context.Context, l shard.Locator) iter.Seq[peer.AddrInfo] {
	f.joined(ctx)
	return f.routing.Find(ctx, l)
}

// FindPeer returns the addresses at which a peer is now.
func (f *finder) FindPeer(ctx context.Context, id peer.ID) (peer.AddrInfo, error) {
	f.joined(ctx)
	return f.routing.FindPeer(ctx, id)
}
