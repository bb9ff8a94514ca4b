package nodetest

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/node"
)

// Patience bounds every wait of a cluster for its nodes.
const Patience = 30 * time.Second

// Options say what the nodes of a cluster are like.
type Options struct {
	Mesh     string // default "test"
	Capacity int64  // bytes of each node; default 1 GiB
	Logger   *slog.Logger
	QUIC     bool // listen with QUIC too
	// Edit may change the configuration of node i before it starts.
	Edit func(i int, c *node.Config)
}

// Cluster is a mesh of nodes on loopback. Its methods fail the test when a node
// does not do as it should; they may be called by several goroutines.
type Cluster struct {
	t     testing.TB
	opts  Options
	dir   string
	Nodes []*Member

	mu      sync.Mutex
	clients int
}

// New starts n nodes and waits until each knows all others, or as many as a
// routing table is sure to hold.
func New(t testing.TB, n int, opts Options) *Cluster {
	t.Helper()
	if opts.Mesh == "" {
		opts.Mesh = "test"
	}
	if opts.Capacity == 0 {
		opts.Capacity = 1 << 30
	}
	c := &Cluster{t: t, opts: opts, dir: t.TempDir()}
	for i := range n {
		c.Nodes = append(c.Nodes, &Member{c: c, cfg: c.config(i)})
	}
	if n > 0 {
		c.Nodes[0].Start()
	}
	var wg sync.WaitGroup
	for _, m := range c.Nodes[min(1, n):] {
		wg.Go(m.Start)
	}
	wg.Wait()
	c.Settle()
	return c
}

func (c *Cluster) config(i int) node.Config {
	cfg := node.Config{
		Home: filepath.Join(c.dir, fmt.Sprintf("node%d", i)), Mesh: c.opts.Mesh, Capacity: c.opts.Capacity,
		Listen: []string{"/ip4/127.0.0.1/tcp/0"}, Logger: c.opts.Logger,
	}
	if c.opts.QUIC {
		cfg.Listen = append(cfg.Listen, "/ip4/127.0.0.1/udp/0/quic-v1")
	}
	if c.opts.Edit != nil {
		c.opts.Edit(i, &cfg)
	}
	return cfg
}

// bootstrap lists the addresses of a node that runs.
func (c *Cluster) bootstrap(but *Member) []string {
	for _, m := range c.Nodes {
		if n := m.running(); n != nil && m != but {
			return n.Addrs()
		}
	}
	return nil
}

// enough is how many others a node must know: in a larger mesh a table's
// buckets do not hold everybody.
const enough = 15

// Settle waits until every running node knows the others, as far as they are
// servers.
func (c *Cluster) Settle() {
	c.t.Helper()
	servers := map[*node.Node]bool{}
	for _, m := range c.Nodes {
		if n := m.running(); n != nil {
			servers[n] = !m.cfg.NoStorage && !m.cfg.Client
		}
	}
	for n, server := range servers {
		want := 0
		for _, other := range servers {
			if other {
				want++
			}
		}
		if server {
			want--
		}
		c.Wait("a node knows the others", func() bool { return n.Known() >= min(want, enough) })
	}
}

// Wait looks until what has come true, and fails the test when it does not.
func (c *Cluster) Wait(what string, true func() bool) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	look := time.NewTicker(5 * time.Millisecond)
	defer look.Stop()
	for !true() {
		select {
		case <-look.C:
		case <-ctx.Done():
			c.t.Fatalf("%s: not within %s", what, Patience)
		}
	}
}

// Client starts a node that stores nothing, with a home of its own and with the
// cluster as its mesh.
func (c *Cluster) Client() *node.Node {
	c.t.Helper()
	c.mu.Lock()
	c.clients++
	home := filepath.Join(c.dir, fmt.Sprintf("client%d", c.clients))
	c.mu.Unlock()
	return c.ClientAt(home).Node()
}

// ClientAt is Client on a home of the test's own, and may be stopped.
func (c *Cluster) ClientAt(home string) *Member {
	c.t.Helper()
	m := &Member{c: c, cfg: node.Config{Home: home, Mesh: c.opts.Mesh, Client: true, Logger: c.opts.Logger}}
	m.Start()
	return m
}

// Kill cuts node i off without a word; others see its connections break.
func (c *Cluster) Kill(i int) { c.t.Helper(); c.Nodes[i].Kill() }
