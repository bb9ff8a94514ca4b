package nodetest

import (
	"context"
	"sync"
	"time"

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

// Ended waits until the node has ended by itself, and returns what it ended with.
func (m *Member) Ended() error {
	m.c.t.Helper()
	n, stop, done := m.take()
	if n == nil {
		m.c.t.Fatal("the node is not running")
	}
	defer stop()
	patience := time.NewTimer(Patience)
	defer patience.Stop()
	select {
	case err := <-done:
		return err
	case <-patience.C:
		stop()
		m.c.t.Errorf("the node did not end within %s: %v", Patience, <-done)
		return nil
	}
}

// take makes the member a stopped one; the caller ends what it had running.
func (m *Member) take() (*node.Node, context.CancelFunc, chan error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := m.node
	m.node = nil
	return n, m.stop, m.done
}

func (m *Member) end(cut bool) {
	m.c.t.Helper()
	n, stop, done := m.take()
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
