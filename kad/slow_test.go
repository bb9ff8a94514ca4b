package kad_test

import (
	"net"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/protocol"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/kad"
)

// slack is what a busy machine may add to a bound in time.
const slack = 2 * time.Second

// gate is a host that can stop answering questions it has accepted.
type gate struct {
	host.Host
	end  <-chan struct{}
	hung atomic.Bool
}

func newGate(t testing.TB) *gate { return &gate{Host: newHost(t), end: t.Context().Done()} }

func (g *gate) SetStreamHandler(id protocol.ID, handler network.StreamHandler) {
	g.Host.SetStreamHandler(id, func(s network.Stream) {
		if g.hung.Load() {
			<-g.end
			_ = s.Reset()
			return
		}
		handler(s)
	})
}

// mesh starts servers that all know each other.
func mesh(t *testing.T, size int) (nodes []*node, gates []*gate) {
	t.Helper()
	for range size {
		gates = append(gates, newGate(t))
		nodes = append(nodes, startOn(t, gates[len(nodes)], via(nodes...)))
	}
	until(t, "all know each other", func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool { return n.Size() < size-1 })
	})
	return nodes, gates
}

func TestHungPeersCostOneLookup(t *testing.T) {
	t.Parallel()
	nodes, gates := mesh(t, 8)
	if err := nodes[1].Provide(t.Context(), locator(1)); err != nil {
		t.Fatal(err)
	}
	until(t, "the host is found", func() bool { return slices.Equal(nodes[0].found(locator(1)), ids(nodes[1])) })
	for _, g := range gates[5:] {
		g.hung.Store(true)
	}
	began := time.Now()
	first := time.Duration(-1)
	for info := range nodes[0].Find(t.Context(), locator(1)) {
		if info.ID == nodes[1].host.ID() {
			first = time.Since(began)
		}
	}
	if first < 0 || first > kad.RequestTimeout {
		t.Errorf("the host came after %s", first)
	}
	if took := time.Since(began); took > kad.LookupTimeout+slack {
		t.Errorf("the first lookup took %s", took)
	}
	until(t, "a lookup leaves them out", func() bool {
		began := time.Now()
		infos, err := nodes[0].Closest(t.Context(), []byte("key"))
		return err == nil && len(infos) >= 4 && time.Since(began) < kad.RequestTimeout/2
	})
}

func TestDeadPeersCostOneLookup(t *testing.T) {
	t.Parallel()
	nodes, _ := mesh(t, 8)
	for _, n := range nodes[5:] {
		addr, err := manet.ToNetAddr(n.host.Addrs()[0])
		if err != nil {
			t.Fatal(err)
		}
		n.stop()
		_ = n.host.Close()
		silent(t, addr.String())
	}
	began := time.Now()
	infos, err := nodes[0].Closest(t.Context(), []byte("key"))
	if took := time.Since(began); err != nil || len(infos) < 4 || took > kad.LookupTimeout+slack {
		t.Errorf("the first lookup: %d peers, %v after %s", len(infos), err, took)
	}
	until(t, "a lookup leaves them out", func() bool {
		began := time.Now()
		infos, err := nodes[0].Closest(t.Context(), []byte("key"))
		return err == nil && len(infos) >= 4 && time.Since(began) < kad.DialTimeout/2
	})
}

// silent accepts connections at an address and never says anything.
func silent(t *testing.T, addr string) {
	t.Helper()
	var listener net.Listener
	until(t, "the address is free", func() (ok bool) {
		var err error
		listener, err = new(net.ListenConfig).Listen(t.Context(), "tcp", addr)
		return err == nil
	})
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer func() { _ = conn.Close() }()
		}
	}()
	t.Cleanup(func() { _ = listener.Close(); <-done })
}

// TestPeersComeBackAfterAStall hangs the only other server until it is dropped,
// and lets it answer again on the connection that never went.
func TestPeersComeBackAfterAStall(t *testing.T) {
	t.Parallel()
	nodes, gates := mesh(t, 2)
	gates[1].hung.Store(true)
	until(t, "the hung peer is dropped", func() bool {
		_, _ = nodes[0].Closest(t.Context(), []byte("key"))
		return nodes[0].Size() == 0
	})
	gates[1].hung.Store(false)
	until(t, "it is taken in again", func() bool { return nodes[0].Size() == 1 })
}

// TestTablesKeepTheirRecords restarts a server with its database.
func TestTablesKeepTheirRecords(t *testing.T) {
	t.Parallel()
	db := openDB(t, t.TempDir())
	keep := func(cfg *kad.Config) { cfg.Datastore = kad.NewDatastore(db, "kad", nil) }
	a := start(t, keep)
	b := start(t, via(a))
	if err := b.Provide(t.Context(), locator(1)); err != nil {
		t.Fatal(err)
	}
	if err := a.Provide(t.Context(), locator(2)); err != nil {
		t.Fatal(err)
	}
	until(t, "both have the record of the other", func() bool {
		return slices.Equal(a.Holds(locator(1)), ids(b)) && slices.Equal(b.Holds(locator(2)), ids(a))
	})
	a.stop()
	b.stop()
	_ = a.host.Close()

	key := a.host.Peerstore().PrivKey(a.host.ID())
	again := startOn(t, newHost(t, libp2p.Identity(key)), keep)
	if !slices.Equal(again.Holds(locator(1)), ids(b)) {
		t.Errorf("the record after a restart names %v", again.Holds(locator(1)))
	}
	client := start(t, func(cfg *kad.Config) { via(again)(cfg); cfg.Server = false })
	until(t, "a client finds a", func() bool { return slices.Equal(client.found(locator(2)), ids(a)) })
	if hosts := client.found(locator(1)); len(hosts) > 0 {
		t.Errorf("found %v, which has no address anybody knows", hosts)
	}
}
