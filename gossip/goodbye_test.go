package gossip_test

import (
	"context"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
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
