package worktest

import (
	"context"
	"crypto/ed25519"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/dispatch"
	"github.com/batchain/batchain/work/hive"
)

// Mesh is the mesh of all hosts here.
const Mesh = "test"

// Run runs a part until the test ends, and waits for it.
func Run(t testing.TB, run func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- run(ctx) }()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("Run: %v", err)
			}
		case <-time.After(30 * time.Second):
			t.Error("Run did not end")
		}
	}
	t.Cleanup(stop)
	return stop
}

// Hive opens a hive without proof of work in a folder of the test, and runs it.
func Hive(t testing.TB, change func(*hive.Config)) *hive.Hive {
	t.Helper()
	cfg := hive.Config{Dir: t.TempDir(), Self: Peer(0), Strength: -1}
	if change != nil {
		change(&cfg)
	}
	h, err := hive.Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	Run(t, h.Run)
	return h
}

// Peer returns the same peer for the same number.
func Peer(n int) peer.ID {
	id, err := peer.IDFromPublicKey(libp2pKey(n).GetPublic())
	if err != nil {
		panic(err)
	}
	return id
}

func libp2pKey(n int) crypto.PrivKey {
	key, err := crypto.UnmarshalEd25519PrivateKey(Key(n))
	if err != nil {
		panic(err)
	}
	return key
}

// Key returns the same key for the same number.
func Key(n int) ed25519.PrivateKey {
	seed := make([]byte, ed25519.SeedSize)
	seed[0], seed[1], seed[2] = byte(n), byte(n>>8), byte(n>>16)
	return ed25519.NewKeyFromSeed(seed)
}

// Host returns the host of Peer(n), on loopback.
func Host(t testing.TB, n int) host.Host {
	t.Helper()
	h, err := libp2p.New(libp2p.Identity(libp2pKey(n)), libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"), libp2p.DisableMetrics())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { h.Close() })
	return h
}

// Serve serves h at the host until the test ends.
func Serve(t testing.TB, at host.Host, h dispatch.Hive) {
	t.Helper()
	Run(t, dispatch.NewServer(dispatch.ServerConfig{Host: at, Mesh: Mesh, Hive: h}).Run)
}

// Client returns what host number n sees of the hive at another host.
func Client(t testing.TB, n int, hive host.Host) *dispatch.Client {
	t.Helper()
	h := Host(t, n)
	h.Peerstore().AddAddrs(hive.ID(), hive.Addrs(), peerstore.PermanentAddrTTL)
	return dispatch.NewClient(dispatch.ClientConfig{Host: h, Mesh: Mesh, Hive: hive.ID()})
}

// Bee runs a bee of Inline programs until the test ends.
func Bee(t testing.TB, at bee.Hive, programs bee.Inline) (stop func()) {
	t.Helper()
	return Run(t, bee.New(bee.Config{
		Hive: at, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names(), Slots: 2,
	}).Run)
}
