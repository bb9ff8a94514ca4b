package node

import (
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/test"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/shard/exchange"
)

func testLimits(t *testing.T) network.ResourceManager {
	t.Helper()
	limits, err := newLimits("test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { limits.Close() })
	return limits
}

// TestManyNodesBehindOneAddress: libp2p's own limits take 8 connections from
// one public address, and after a burst one in five seconds.
func TestManyNodesBehindOneAddress(t *testing.T) {
	limits := testLimits(t)
	office := ma.StringCast("/ip4/203.0.113.7/tcp/4170")
	for i := range 200 {
		scope, err := limits.OpenConnection(network.DirInbound, true, office)
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		t.Cleanup(scope.Done)
	}
}

// TestManyShardsToOneHost: libp2p's own limits take 75 streams of a peer.
func TestManyShardsToOneHost(t *testing.T) {
	limits := testLimits(t)
	id := test.RandPeerIDFatal(t)
	for i := range 300 {
		openStream(t, limits, id, i)
	}
}

func openStream(t *testing.T, limits network.ResourceManager, id peer.ID, i int) {
	t.Helper()
	scope, err := limits.OpenStream(id, network.DirInbound)
	if err != nil {
		t.Fatalf("stream %d: %v", i, err)
	}
	t.Cleanup(scope.Done)
	if err := scope.SetProtocol(exchange.ProtocolID("test")); err != nil {
		t.Fatalf("stream %d of our protocol: %v", i, err)
	}
}
