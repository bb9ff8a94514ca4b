package kad_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	"go.uber.org/goleak"

	"github.com/batchain/batchain/kad"
	"github.com/batchain/batchain/shard"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for something that has to happen.
const patience = time.Minute

// newHost returns a host on loopback, closed at the end of the test. Its
// connections are not encrypted: handshakes are most of what a big mesh costs.
func newHost(t testing.TB, options ...libp2p.Option) host.Host {
	t.Helper()
	options = append([]libp2p.Option{
		libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0"),
		libp2p.Transport(tcp.NewTCPTransport),
		libp2p.NoSecurity,
		libp2p.DisableRelay(),
		libp2p.DisableMetrics(),
		libp2p.ResourceManager(&network.NullResourceManager{}),
	}, options...)
	h, err := libp2p.New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = h.Close() })
	return h
}

// node is a Table that runs until stop, or the end of the test.
type node struct {
	*kad.Table
	host host.Host
	stop func()
}

// start runs a server of mesh "test" on a new loopback host, with change made
// to its Config.
func start(t testing.TB, change func(*kad.Config)) *node {
	t.Helper()
	return startOn(t, newHost(t), change)
}

func startOn(t testing.TB, h host.Host, change func(*kad.Config)) *node {
	t.Helper()
	cfg := kad.Config{Host: h, Mesh: "test", Server: true}
	if change != nil {
		change(&cfg)
	}
	table, err := kad.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- table.Run(ctx) }()
	n := &node{Table: table, host: h}
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			t.Errorf("run: %v", err)
		}
	})
	t.Cleanup(n.stop)
	return n
}

func (n *node) info() peer.AddrInfo { return peer.AddrInfo{ID: n.host.ID(), Addrs: n.host.Addrs()} }

// via makes a node bootstrap from others.
func via(others ...*node) func(*kad.Config) {
	return func(cfg *kad.Config) {
		cfg.Bootstrap = func() (peers []peer.AddrInfo) {
			for _, n := range others {
				peers = append(peers, n.info())
			}
			return peers
		}
	}
}

// until polls a condition that has to come true.
func until(t testing.TB, what string, is func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !is() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not within %s: %s", patience, what)
		}
	}
}

// found returns the hosts Find yields, sorted.
func (n *node) found(l shard.Locator) (hosts []peer.ID) {
	for info := range n.Find(context.Background(), l) {
		hosts = append(hosts, info.ID)
	}
	slices.Sort(hosts)
	return hosts
}

// locator returns one of many different locators.
func locator(i int) shard.Locator { return shard.Locator(shard.Sum(fmt.Append(nil, "locator", i))) }

// ids returns the sorted peer ids of nodes.
func ids(nodes ...*node) (list []peer.ID) {
	for _, n := range nodes {
		list = append(list, n.host.ID())
	}
	slices.Sort(list)
	return list
}

func of(infos []peer.AddrInfo) (list []peer.ID) {
	for _, info := range infos {
		list = append(list, info.ID)
	}
	return list
}
