package kad

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
)

// lookupHost is the host as the DHT sees it: its dials end after [DialTimeout],
// peers that let one pass are left out for a while, and the streams it was
// asked on can be ended and waited for, which the DHT itself does not do.
type lookupHost struct {
	host.Host
	shut     *penalties
	notifiee network.Notifiee

	mu       sync.Mutex
	handlers sync.WaitGroup
	protos   []protocol.ID
	streams  map[network.Stream]struct{}
	closed   bool
}

func newLookupHost(h host.Host) *lookupHost {
	l := &lookupHost{Host: h, shut: newPenalties(), streams: make(map[network.Stream]struct{})}
	l.notifiee = &network.NotifyBundle{
		ConnectedF: func(_ network.Network, c network.Conn) { l.shut.pardon(c.RemotePeer()) },
	}
	h.Network().Notify(l.notifiee)
	return l
}

// Connect dials like the host, within DialTimeout.
func (l *lookupHost) Connect(ctx context.Context, to peer.AddrInfo) error {
	if l.Network().Connectedness(to.ID) != network.Connected && l.shut.shut(to.ID) {
		return fmt.Errorf("dial %s: %w", to.ID, errShut)
	}
	dialCtx, cancel := context.WithTimeout(ctx, DialTimeout)
	defer cancel()
	err := l.Host.Connect(dialCtx, to)
	if err != nil && ctx.Err() == nil && errors.Is(dialCtx.Err(), context.DeadlineExceeded) {
		l.shut.punish(to.ID)
	}
	return err
}

// SetStreamHandler registers a handler whose streams close ends and waits for.
func (l *lookupHost) SetStreamHandler(id protocol.ID, handler network.StreamHandler) {
	l.mu.Lock()
	l.protos = append(l.protos, id)
	l.mu.Unlock()
	l.Host.SetStreamHandler(id, func(s network.Stream) {
		if !l.enter(s) {
			_ = s.Reset()
			return
		}
		defer l.leave(s)
		handler(s)
	})
}

func (l *lookupHost) enter(s network.Stream) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return false
	}
	l.handlers.Add(1)
	l.streams[s] = struct{}{}
	return true
}

func (l *lookupHost) leave(s network.Stream) {
	l.mu.Lock()
	delete(l.streams, s)
	l.mu.Unlock()
	l.handlers.Done()
}

// close removes the handlers, resets their streams and waits for them. The
// host itself stays open.
func (l *lookupHost) close() {
	l.Network().StopNotify(l.notifiee)
	l.mu.Lock()
	l.closed = true
	for _, id := range l.protos {
		l.RemoveStreamHandler(id)
	}
	for s := range l.streams {
		_ = s.Reset()
	}
	l.mu.Unlock()
	l.handlers.Wait()
}
