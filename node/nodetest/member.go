package nodetest

import (
	"context"
	"sync"

	"github.com/batchain/batchain/node"
)

// Member is one place in a cluster: a home, and the node that runs on it.
type Member struct {
	c   *Cluster
	cfg node.Config

	mu   sync.Mutex
	node *node.Node // nil while stopped
	stop context.CancelFunc
	done chan error
}

// Start runs a node on the member's home and returns when it serves.
func (m *Member) Start() {
	t := m.c.t
	t.Helper()
	cfg := m.cfg
	if len(cfg.Bootstrap) == 0 {
		cfg.Bootstrap = m.c.bootstrap(m)
	}
	m.StartWith(cfg)
}

// StartWith is Start with a configuration of the test's own.
func (m *Member) StartWith(cfg node.Config) {
	t := m.c.t
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	n, err := node.New(ctx, cfg)
	if err != nil {
		stop()
		t.Errorf("start node: %v", err)
		return
	}
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- n.Run(ctx, func() { close(ready) }) }()
	select {
	case <-ready:
	case err := <-done:
		stop()
		t.Errorf("run node: %v", err)
		return
	}
	m.mu.Lock()
	m.node, m.stop, m.done = n, stop, done
	m.mu.Unlock()
	t.Cleanup(m.Stop)
}

// Config is the configuration that the member starts with.
func (m *Member) Config() node.Config { return m.cfg }

// Node is the running node; the test fails when there is none.
func (m *Member) Node() *node.Node {
	m.c.t.Helper()
	n := m.running()
	if n == nil {
		m.c.t.Fatal("the node is not running")
	}
	return n
}

func (m *Member) running() *node.Node {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.node
}

// Stop ends the node in order and waits for it. A stopped one stays stopped.
func (m *Member) Stop() { m.c.t.Helper(); m.end(false) }

// Kill ends the node after its connections were cut.
func (m *Member) Kill() { m.c.t.Helper(); m.end(true) }

func (m *Member) end(cut bool) {
	m.c.t.Helper()
	m.mu.Lock()
	n, stop, done := m.node, m.stop, m.done
	m.node = nil
	m.mu.Unlock()
	if n == nil {
		return
	}
	if cut {
		_ = n.Host().Close()
	}
	stop()
	if err := <-done; err != nil && !cut {
		m.c.t.Errorf("node ended: %v", err)
	}
}
