package catalogue

import (
	"context"
	"crypto/ed25519"
	"iter"
	"os"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
)

// open is a Finder that knows all hosts and no announcement.
type open []peer.AddrInfo

func (o open) Candidates(context.Context) iter.Seq[peer.AddrInfo] { return slices.Values(o) }

func (open) Find(context.Context, shard.Locator) iter.Seq[peer.AddrInfo] {
	return func(func(peer.AddrInfo) bool) {}
}

func newHost(t *testing.T) (host.Host, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	id, err := crypto.UnmarshalEd25519PrivateKey(key)
	check(t, err)
	h, err := libp2p.New(libp2p.Identity(id), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.DisableMetrics())
	check(t, err)
	t.Cleanup(func() { h.Close() })
	return h, key
}

// The same over the real protocol, on loopback.
func TestOverTheProtocol(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	var wait sync.WaitGroup
	t.Cleanup(func() { cancel(); wait.Wait() })
	var hosts open
	var boxes []*box
	for range 3 {
		h, key := newHost(t)
		server := exchange.NewServer(exchange.ServerConfig{Host: h, Key: key, Mesh: testMesh, Store: exchangetest.NewStore()})
		wait.Go(func() {
			if err := server.Run(ctx); err != nil && ctx.Err() == nil {
				t.Error(err)
			}
		})
		hosts = append(hosts, peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()})
		boxes = append(boxes, &box{id: h.ID()})
	}
	b := newBed(t, 0)
	b.now = time.Now()
	device := func(n int) *device {
		h, _ := newHost(t)
		d := b.device(n)
		cfg := d.config()
		cfg.Self, cfg.Client, cfg.Finder, cfg.Connect = h.ID(), exchange.NewClient(h, testMesh, exchange.Timeouts{}), hosts, h.Connect
		c, err := New(cfg)
		check(t, err)
		d.Catalogue = c
		return d
	}
	home := device(0)
	ids := []shard.FileID{home.put(1, boxes...), home.put(400, boxes...)}
	if r := home.publish(); r.Hosts != 3 || r.Waiting != 0 {
		t.Fatalf("published %+v", r)
	}
	check(t, os.Remove(home.statePath()))
	home.restartWith(home.cfg) // without its seqs
	home.put(1, boxes...)
	if r := home.publish(); r.Hosts != 3 || r.Waiting != 0 || r.Files != 3 {
		t.Fatalf("published %+v", r)
	}
	fresh := device(1)
	if r := fresh.recover(); len(r.Files) != 3 || len(r.Missing) != 0 {
		t.Fatalf("recovered %+v", r)
	}
	for _, id := range ids {
		sameFile(t, home.manifestPath(id), fresh.manifestPath(id))
	}
}
