package node_test

import (
	"crypto/rand"
	"io"
	"net"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"github.com/libp2p/go-libp2p/core/peerstore"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// Owner and host dial each other at the same moment, so that there are two
// connections in the middle of a put: every byte goes once.
func TestBothDial(t *testing.T) {
	const size = 24 << 20
	for name, after := range map[string]int64{"at the start": 1, "in the middle": size / 4} {
		t.Run(name, func(t *testing.T) {
			owners, hosts := nodetest.New(t, 1, nodetest.Options{}), nodetest.New(t, 1, nodetest.Options{})
			owner, host := owners.Nodes[0].Node(), hosts.Nodes[0].Node()
			toHost, toOwner := newGate(t, host), newGate(t, owner)
			path := filepath.Join(t.TempDir(), "both")
			bytes := make([]byte, size)
			rand.Read(bytes)
			if err := os.WriteFile(path, bytes, 0o600); err != nil {
				t.Fatal(err)
			}
			client := socket(t, owners.Nodes[0].Config().Home)
			put := make(chan error, 1)
			go func() {
				_, err := client.Put(within(t), control.PutRequest{
					Path: path, Size: -1, Scheme: "1+0", Hosts: []string{toHost.addr.String() + "/p2p/" + host.ID().String()},
				}, nil, quiet)
				put <- err
			}()
			toHost.called(t)
			dialled := make(chan error, 1)
			go func() {
				host.Host().Peerstore().AddAddr(owner.ID(), toOwner.addr, peerstore.TempAddrTTL)
				_, err := host.Host().Network().DialPeer(within(t), owner.ID())
				dialled <- err
			}()
			toOwner.called(t)
			close(toHost.open) // both are on their way
			owners.Wait("the put is so far", func() bool {
				return conns(owner, host) > 0 && toHost.passed.Load() >= after
			})
			close(toOwner.open)
			if err := <-dialled; err != nil {
				t.Fatal(err)
			}
			most := conns(host, owner)
			if err := <-put; err != nil {
				t.Fatal(err)
			}
			if most != 2 {
				t.Errorf("there were %d connections, want 2", most)
			}
			if sent := toHost.passed.Load() + toOwner.passed.Load(); sent < size || float64(sent) > 1.05*size {
				t.Errorf("%d bytes went over both for %d: %.3f", sent, size, float64(sent)/size)
			}
			if conns(owner, host) > 2 || conns(host, owner) > 2 {
				t.Errorf("%d and %d connections are left", conns(owner, host), conns(host, owner))
			}
			t.Logf("%d and %d bytes went over them for %d", toHost.passed.Load(), toOwner.passed.Load(), size)
		})
	}
}

// conns is how many connections a node has to another.
func conns(n, to *node.Node) int { return len(n.Host().Network().ConnsToPeer(to.ID())) }

// gate is a way to a node that holds who comes until it is open, and counts what
// passes in both directions.
type gate struct {
	addr   ma.Multiaddr
	open   chan struct{}
	comes  chan struct{}
	passed atomic.Int64
}

func newGate(t *testing.T, to *node.Node) *gate {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := &gate{open: make(chan struct{}), comes: make(chan struct{}, 8)}
	if g.addr, err = manet.FromNetAddr(l.Addr()); err != nil {
		t.Fatal(err)
	}
	target, err := manet.ToNetAddr(to.Host().Addrs()[0])
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			g.comes <- struct{}{}
			go g.pass(c, target.String())
		}
	}()
	return g
}

func (g *gate) pass(c net.Conn, to string) {
	defer c.Close()
	<-g.open
	onward, err := net.Dial("tcp", to)
	if err != nil {
		return
	}
	defer onward.Close()
	go func() {
		defer c.Close()
		_, _ = io.Copy(c, io.TeeReader(onward, g))
	}()
	_, _ = io.Copy(onward, io.TeeReader(c, g))
}

// Write counts.
func (g *gate) Write(b []byte) (int, error) {
	g.passed.Add(int64(len(b)))
	return len(b), nil
}

// called waits until somebody comes.
func (g *gate) called(t *testing.T) {
	t.Helper()
	select {
	case <-g.comes:
	case <-within(t).Done():
		t.Fatal("nobody comes")
	}
}
