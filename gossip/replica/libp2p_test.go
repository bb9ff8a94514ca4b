package replica_test

import (
	"context"
	"errors"
	"testing"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/gossip/replica"
)

const protocolID = "/batchain/test/replica/1.0.0"

// device is one of an owner's machines: a host and its copy of the list of files,
// signed with the host's key.
type device struct {
	host  host.Host
	files *replica.Set
	*replica.Replica
}

// newDevice starts a host on loopback that replicates with whoever opens a stream, and
// sends what replicating said to ended.
func newDevice(t *testing.T, authors map[peer.ID]bool, ended chan error, opts replica.StreamOptions, more ...libp2p.Option) device {
	t.Helper()
	h, err := libp2p.New(append([]libp2p.Option{
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay(), libp2p.Ping(false),
	}, more...)...)
	must(t, err)
	t.Cleanup(func() { must(t, h.Close()) })
	authors[h.ID()] = true
	key := h.Peerstore().PrivKey(h.ID())
	if key.Type() != crypto.Ed25519 {
		t.Fatalf("the host's key is of type %v", key.Type())
	}
	s, err := replica.KeySigner(key)
	must(t, err)
	d := device{host: h, files: replica.NewSet()}
	d.Replica = newReplica(t, 0, d.files, func(cfg *replica.Config) {
		cfg.Signer, cfg.Authors = s, func(id peer.ID) bool { return authors[id] }
	})
	h.SetStreamHandler(protocolID, func(s network.Stream) { ended <- d.Replicate(context.Background(), s, opts) })
	return d
}

// dial opens a stream to another device and replicates over it.
func (d device) dial(ctx context.Context, t *testing.T, to device, opts replica.StreamOptions) error {
	t.Helper()
	d.host.Peerstore().AddAddrs(to.host.ID(), to.host.Addrs(), peerstore.TempAddrTTL)
	s, err := d.host.NewStream(ctx, to.host.ID(), protocolID)
	must(t, err)
	return d.Replicate(ctx, s, opts)
}

var transports = map[string][]libp2p.Option{
	"TCP":  nil,
	"QUIC": {libp2p.ListenAddrStrings("/ip4/127.0.0.1/udp/0/quic-v1")},
}

// Two machines of one owner keep one list of files over a libp2p stream, live; a
// good end is one on both sides, and a cut one is none on either.
func TestOverLibp2p(t *testing.T) {
	for name, more := range transports {
		t.Run(name, func(t *testing.T) {
			authors, ended := map[peer.ID]bool{}, make(chan error, 1)
			tail := replica.StreamOptions{Tail: true}
			laptop, desktop := newDevice(t, authors, ended, tail, more...), newDevice(t, authors, ended, tail, more...)
			must(t, laptop.files.Add("a", "b"))
			must(t, desktop.files.Add("c"))

			must(t, laptop.dial(t.Context(), t, desktop, replica.StreamOptions{}))
			must(t, <-ended)
			wantSet(t, "the laptop", laptop.files, "a", "b", "c")
			wantSet(t, "the desktop", desktop.files, "a", "b", "c")

			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			synced := make(chan struct{})
			go func() {
				done <- laptop.dial(ctx, t, desktop, replica.StreamOptions{Tail: true, OnSynced: func() { close(synced) }})
			}()
			<-synced
			must(t, desktop.files.Remove("a"))
			until(t, laptop.files.Watch(t.Context()), func() bool { return !laptop.files.Has("a") })
			must(t, laptop.files.Add("d"))
			until(t, desktop.files.Watch(t.Context()), func() bool { return desktop.files.Has("d") })
			sameHistory(t, laptop.Replica, desktop.Replica)
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Errorf("the one that was told to end: %v", err)
			}
			if err := <-ended; err == nil {
				t.Error("a reset is a good end to the other side")
			}

			synced = make(chan struct{})
			go func() {
				done <- laptop.dial(t.Context(), t, desktop, replica.StreamOptions{Tail: true, OnSynced: func() { close(synced) }})
			}()
			<-synced
			must(t, laptop.Close())
			if err := <-done; !errors.Is(err, replica.ErrClosed) {
				t.Errorf("the one that was closed: %v", err)
			}
			must(t, <-ended)
		})
	}
}
