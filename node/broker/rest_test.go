package broker

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// What speaks to everybody once in a while has a peer that cannot be reached looked
// for once, and after a rest again; what has bytes to send, each time.
func TestQuietProtocolsRestBetweenAttempts(t *testing.T) {
	h, err := libp2p.New(libp2p.NoListenAddrs, libp2p.DisableRelay(), libp2p.ResourceManager(&network.NullResourceManager{}))
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var attempts atomic.Int32
	b, err := New(Config{
		Host: h, Mesh: mesh, Quiet: []protocol.ID{"/gossip/1", "/devices/1"},
		FindPeer: func(context.Context, peer.ID) (peer.AddrInfo, error) {
			attempts.Add(1)
			return peer.AddrInfo{}, errors.New("nobody knows")
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	asks := func(id protocol.ID) bool {
		t.Helper()
		before := attempts.Load()
		if _, err := b.Host().NewStream(t.Context(), "nobody", id); !errors.Is(err, ErrUnreachable) {
			t.Fatalf("%s: %v", id, err)
		}
		return attempts.Load() > before
	}
	for i, c := range []struct {
		id   protocol.ID
		asks bool
	}{{"/gossip/1", true}, {"/gossip/1", false}, {"/devices/1", false}, {"/shard/1", true}, {"/gossip/1", false}} {
		if asks(c.id) != c.asks {
			t.Errorf("stream %d, %s: an attempt: %v", i, c.id, !c.asks)
		}
	}
	b.paths.forgive()
	if !asks("/gossip/1") {
		t.Error("there is no attempt although this node may be elsewhere")
	}
}

func TestRestsGrow(t *testing.T) {
	p := newPaths()
	if !p.rested("x", time.Now()) {
		t.Error("a peer that was never tried rests")
	}
	for i, rest := range []time.Duration{15, 30, 60, 120, 240, 480, 480} {
		p.begin("x")
		p.end("x", false)
		at := p.notes["x"].at
		if p.rested("x", at.Add(rest*time.Second-1)) || !p.rested("x", at.Add(rest*time.Second)) {
			t.Errorf("after %d attempts the rest is not %d s", i+1, rest)
		}
	}
	if p.end("x", true); !p.rested("x", time.Now()) {
		t.Error("a peer that was reached rests")
	}
}
