package node

import (
	"context"
	"fmt"
	"sync/atomic"

	"github.com/libp2p/go-libp2p/core/event"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/host/eventbus"
)

// watcher turns what the host sees into events, and remembers whether others
// reach us.
type watcher struct {
	host         host.Host
	events       *events
	reachability atomic.Int32 // a network.Reachability
}

// Run watches until ctx ends.
func (w *watcher) Run(ctx context.Context) error {
	sub, err := w.host.EventBus().Subscribe([]any{
		new(event.EvtPeerConnectednessChanged), new(event.EvtLocalReachabilityChanged),
	}, eventbus.BufSize(256))
	if err != nil {
		return fmt.Errorf("host events: %w", err)
	}
	defer sub.Close()
	for {
		select {
		case <-ctx.Done():
			return nil
		case e := <-sub.Out():
			w.take(e)
		}
	}
}

func (w *watcher) take(e any) {
	switch e := e.(type) {
	case event.EvtLocalReachabilityChanged:
		w.reachability.Store(int32(e.Reachability))
	case event.EvtPeerConnectednessChanged:
		switch e.Connectedness {
		case network.Connected, network.Limited:
			w.events.publish(Event{Type: EventPeerUp, Peer: e.Peer.String()})
		case network.NotConnected:
			w.events.publish(Event{Type: EventPeerDown, Peer: e.Peer.String()})
		}
	}
}
