package transfer

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/netip"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
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

// keeper is one host.
type keeper struct {
	host  host.Host
	key   ed25519.PrivateKey
	store *exchangetest.Store
	keeps exchange.Store                          // store, or something before it
	gate  atomic.Pointer[func(bytes int64) error] // see admit
	ahead time.Duration                           // of its clock
	liar  *exchangetest.Liar                      // nil if it is honest
	stop  func()
}

func newHost(t *testing.T) (host.Host, ed25519.PrivateKey) {
	_, private, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	h, err := libp2p.New(libp2p.Identity(key), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableRelay())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h, private
}

// serve answers for the keeper until stop; it returns when it does.
func (k *keeper) serve(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	server := exchange.NewServer(exchange.ServerConfig{Host: k.host, Key: k.key, Mesh: mesh, Store: asked{k.keeps, k}, Now: func() time.Time { return time.Now().Add(k.ahead) }})
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := server.Run(ctx); err != nil && ctx.Err() == nil {
			t.Error(err)
		}
	}()
	k.stop = sync.OnceFunc(func() { cancel(); <-ended })
	t.Cleanup(k.stop)
	for !slices.Contains(k.host.Mux().Protocols(), exchange.ProtocolID(mesh)) {
		select {
		case <-ended:
			return
		default:
			runtime.Gosched()
		}
	}
}

// asked is a keeper's store, by the keeper's clock, that asks its gate before it takes
// anything.
type asked struct {
	exchange.Store
	k *keeper
}

func (a asked) Hold(asker peer.ID, from netip.Prefix, bytes int64) (int64, error) {
	if err := a.k.ask(bytes); err != nil {
		return 0, err
	}
	return a.Store.Hold(asker, from, bytes)
}

func (a asked) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	if err := a.k.ask(int64(lot.Offer.Length)); err != nil {
		return time.Time{}, err
	}
	end, err := a.Store.Receive(ctx, lot, ready)
	return end.Add(a.k.ahead), err
}

func (a asked) Renew(g shard.Grant, spots []shard.Spot, lease time.Duration, after []byte, limit int) ([]shard.Held, []byte, error) {
	rows, next, err := a.Store.Renew(g, spots, lease, after, limit)
	for i := range rows {
		rows[i].LeaseEnd += int64(a.k.ahead / time.Second)
	}
	return rows, next, err
}

// admit has f asked before each request, while the keeper serves, too.
func (k *keeper) admit(f func(bytes int64) error) { k.gate.Store(&f) }

func (k *keeper) ask(bytes int64) error {
	if gate := k.gate.Load(); gate != nil {
		return (*gate)(bytes)
	}
	return nil
}

// turn makes an honest keeper lie from now on.
func (k *keeper) turn(t *testing.T, trick exchangetest.Trick) {
	k.stop()
	k.liar = exchangetest.Lie(k.host, k.key, mesh, trick)
	t.Cleanup(k.liar.Stop)
}

// die takes the keeper off the network for good.
func (k *keeper) die() {
	k.stop()
	k.host.Close()
}

func (k *keeper) info() peer.AddrInfo { return peer.AddrInfo{ID: k.host.ID(), Addrs: k.host.Addrs()} }

// rows is what a keeper has of a file.
func (k *keeper) rows(t *testing.T, m *shard.Manifest) []shard.Held {
	t.Helper()
	rows, _, err := k.store.Held(m.Grant.Admin, nil, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	return rows
}

// set sets a keeper's clock, ahead of ours.
func (k *keeper) set(t *testing.T, ahead time.Duration) {
	k.stop()
	k.ahead = ahead
	k.serve(t)
}
