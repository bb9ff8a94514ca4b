package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/disk"
)

// Bounds of the peer cache.
const (
	maxCached      = 256                 // peers
	maxCachedAddrs = 8                   // addresses of each
	maxCachedAddr  = 256                 // bytes
	cacheAge       = 60 * 24 * time.Hour // a peer not seen for longer is forgotten
	saveSoon       = 2 * time.Second     // from the first peer met to the file
	saveEvery      = 3 * time.Minute     // at most, in the end; each pause until then is twice the last
	maxCacheFile   = 1 << 20             // bytes read at a start
)

// cachedPeer is one line of peers.json.
type cachedPeer struct {
	ID    string    `json:"id"`
	Addrs []string  `json:"addrs"`
	Seen  time.Time `json:"seen"`
}

// cacheFile is peers.json:
//
//	{"version":1,"peers":[{"id":"12D3…","addrs":["/ip4/…"],"seen":"2026-…"}]}
type cacheFile struct {
	Version int          `json:"version"`
	Peers   []cachedPeer `json:"peers"`
}

// peerCache remembers hosts that were met, so that a restart needs no
// bootstrap address. It holds hints: a cache that cannot be read is an empty one.
type peerCache struct {
	path   string
	host   host.Host
	speaks protocol.ID // of a host
	logger *slog.Logger

	mu    sync.Mutex
	known map[peer.ID]cachedPeer
}

// newPeerCache reads the cache of an earlier run.
func newPeerCache(path string, h host.Host, speaks protocol.ID, logger *slog.Logger) *peerCache {
	c := &peerCache{path: path, host: h, speaks: speaks, logger: logger, known: map[peer.ID]cachedPeer{}}
	if err := c.load(); err != nil && !errors.Is(err, fs.ErrNotExist) {
		logger.Warn("peer cache is not readable", "err", err)
	}
	return c
}

func (c *peerCache) load() error {
	info, err := os.Stat(c.path)
	if err != nil {
		return err
	}
	if info.Size() > maxCacheFile {
		return fmt.Errorf("%s has %d bytes", c.path, info.Size())
	}
	data, err := os.ReadFile(c.path)
	if err != nil {
		return err
	}
	var f cacheFile
	if err := json.Unmarshal(data, &f); err != nil {
		return fmt.Errorf("%s: %w", c.path, err)
	}
	for _, p := range f.Peers[:min(len(f.Peers), maxCached)] {
		if id, err := peer.Decode(p.ID); err == nil && id != c.host.ID() {
			c.known[id] = p
		}
	}
	return nil
}

// Run notes every host that is met and writes the file: soon after the first,
// then ever more seldom, and once more at the end.
func (c *peerCache) Run(ctx context.Context) error {
	sub, err := c.host.EventBus().Subscribe(new(event.EvtPeerIdentificationCompleted), eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("peer cache: %w", err)
	}
	defer sub.Close()
	wait := saveSoon
	due := time.After(wait) // whoever was met before we listened is connected still
	for {
		select {
		case <-ctx.Done():
			c.refresh()
			c.keep()
			return nil
		case e := <-sub.Out():
			met := e.(event.EvtPeerIdentificationCompleted)
			if slices.Contains(met.Protocols, c.speaks) {
				c.note(met.Peer)
				if due == nil {
					due = time.After(wait)
				}
			}
		case <-due:
			due, wait = nil, min(2*wait, saveEvery)
			c.refresh()
			c.keep()
		}
	}
}

// note remembers a host with the addresses at which it says it listens.
func (c *peerCache) note(id peer.ID) {
	addrs := c.host.Peerstore().Addrs(id)
	if len(addrs) == 0 {
		return
	}
	p := cachedPeer{ID: id.String(), Seen: time.Now().UTC().Truncate(time.Second)}
	for _, addr := range addrs {
		if len(addr.Bytes()) <= maxCachedAddr && len(p.Addrs) < maxCachedAddrs {
			p.Addrs = append(p.Addrs, addr.String())
		}
	}
	if len(p.Addrs) == 0 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.known[id] = p
}

// returned notes where a host is that was met before and has come back.
func (c *peerCache) returned(id peer.ID) {
	c.mu.Lock()
	_, met := c.known[id]
	c.mu.Unlock()
	if met {
		c.note(id)
	}
}

// refresh notes every host that is connected now.
func (c *peerCache) refresh() {
	for _, id := range c.host.Network().Peers() {
		if speaks, err := c.host.Peerstore().SupportsProtocols(id, c.speaks); err == nil && len(speaks) > 0 {
			c.note(id)
		}
	}
}

// recent returns the peers, last seen first, and forgets those beyond the
// bounds.
func (c *peerCache) recent() []cachedPeer {
	c.mu.Lock()
	defer c.mu.Unlock()
	peers := make([]cachedPeer, 0, len(c.known))
	for id, p := range c.known {
		if time.Since(p.Seen) > cacheAge {
			delete(c.known, id)
			continue
		}
		peers = append(peers, p)
	}
	slices.SortFunc(peers, func(a, b cachedPeer) int {
		return cmp.Or(b.Seen.Compare(a.Seen), cmp.Compare(a.ID, b.ID))
	})
	for _, p := range peers[min(len(peers), maxCached):] {
		if id, err := peer.Decode(p.ID); err == nil {
			delete(c.known, id)
		}
	}
	return peers[:min(len(peers), maxCached)]
}

// keep saves. That hints are lost is no reason to end a node.
func (c *peerCache) keep() {
	if err := c.save(); err != nil {
		c.logger.Warn("peer cache is not written", "err", err)
	}
}

// save writes the file. An empty cache writes none.
func (c *peerCache) save() error {
	peers := c.recent()
	if len(peers) == 0 {
		return nil
	}
	data, err := json.MarshalIndent(cacheFile{Version: 1, Peers: peers}, "", " ")
	if err != nil {
		return fmt.Errorf("peer cache: %w", err)
	}
	if err := disk.WriteFile(c.path, append(data, '\n'), 0o600); err != nil {
		return fmt.Errorf("peer cache: %w", err)
	}
	return nil
}

// Addrs returns the peers with their addresses, last seen first.
func (c *peerCache) Addrs() []peer.AddrInfo {
	peers := c.recent()
	infos := make([]peer.AddrInfo, 0, len(peers))
	for _, p := range peers {
		id, err := peer.Decode(p.ID)
		if err != nil {
			continue
		}
		info := peer.AddrInfo{ID: id}
		for _, text := range p.Addrs {
			if addr, err := ma.NewMultiaddr(text); err == nil {
				info.Addrs = append(info.Addrs, addr)
			}
		}
		if len(info.Addrs) > 0 {
			infos = append(infos, info)
		}
	}
	return infos
}
