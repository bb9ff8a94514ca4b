package gossip_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/gossip/gossiptest"
)

// What was sent before a transport ends still goes out: else no goodbye would
// be heard.
func TestTransportEndsWithoutLoss(t *testing.T) {
	hosts := []host.Host{newHost(t, key(1)), newHost(t, key(2))}
	hosts[0].Peerstore().AddAddrs(hosts[1].ID(), hosts[1].Addrs(), time.Hour)
	const count = 50
	got := make(chan byte, count)
	receiving, end := context.WithCancel(t.Context())
	defer end()
	received := make(chan error, 1)
	go func() {
		received <- gossip.NewLibp2p(hosts[1], "test").Serve(receiving, func(_ peer.ID, message []byte) { got <- message[0] })
	}()
	eventually(t, "the other end serves", func() bool {
		for _, p := range hosts[1].Mux().Protocols() {
			if p == gossip.ProtocolID("test") {
				return true
			}
		}
		return false
	})
	sender := gossip.NewLibp2p(hosts[0], "test")
	ctx, cancel := context.WithCancel(t.Context())
	served := make(chan error, 1)
	go func() { served <- sender.Serve(ctx, func(peer.ID, []byte) {}) }()
	for i := range byte(count) {
		eventually(t, "it is sent", func() bool { return sender.Send(hosts[1].ID(), []byte{i}) == nil })
	}
	cancel()
	if err := <-served; err != nil {
		t.Fatal(err)
	}
	for i := range byte(count) {
		select {
		case b := <-got:
			if b != i {
				t.Fatalf("message %d came as number %d", b, i)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("message %d did not come", i)
		}
	}
	end()
	if err := <-received; err != nil {
		t.Fatal(err)
	}
}

// A member that leaves before it has begun to live, after an earlier life of which
// its store tells, has nothing to say; and lives when it is run after all.
func TestLeaveBeforeLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store, network := gossip.NewMemoryStore(), gossiptest.NewNetwork(1)
		cfg := gossip.Config{Key: key(1), Mesh: "test", Transport: network.Endpoint(id(t, key(1))), Store: store}
		if err := store.Put(gossip.Saved{Peer: id(t, key(1)), Incarnation: 7}); err != nil {
			t.Fatal(err)
		}
		g, err := gossip.New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := g.Set(t.Context(), "color", []byte("blue")); err != nil {
			t.Fatal(err)
		}
		if err := g.Leave(t.Context()); err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
		defer cancel()
		if err := g.Run(ctx); err != nil {
			t.Fatal(err)
		}
		self, _ := g.Member(g.Peer())
		if self.State != gossip.Live || self.Heartbeat == 0 || string(self.Values["color"].Data) != "blue" {
			t.Errorf("%+v", self)
		}
	})
}
