package demo

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"time"

	"github.com/batchain/batchain/node"
)

// meshName keeps demo nodes apart from real ones, wherever they run.
const meshName = "demo"

// capacity is what each node of a demo gives, where that does not matter.
const capacity = 4 << 30 // bytes

// proof is what a hive of a demo asks of a new bee, in bits. The usual proof takes
// a processor half a second; here all bees of the mesh share one machine.
const proof = 12

// member is one running node of a demo mesh.
type member struct {
	*node.Node
	name string
	home string
	stop func() error  // ends the node and waits for it; safe to call again
	done chan struct{} // closed when the node has ended, of itself or not
}

// start runs a node under dir and returns when it serves.
func start(ctx context.Context, dir, name string, bootstrap []string, capacity int64, logger *slog.Logger) (*member, error) {
	home := filepath.Join(dir, name)
	n, err := node.New(ctx, node.Config{
		Home: home, Mesh: meshName, Bootstrap: bootstrap, Capacity: capacity, Logger: logger,
		Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"},
		Hive:   node.Admission{Proof: proof},
	})
	if err != nil {
		return nil, fmt.Errorf("start node %s: %w", name, err)
	}
	run, cancel := context.WithCancel(ctx)
	m := &member{Node: n, name: name, home: home, done: make(chan struct{})}
	ready := make(chan struct{})
	var ended error
	go func() {
		defer close(m.done)
		ended = n.Run(run, func() { close(ready) })
	}()
	m.stop = func() error {
		cancel()
		<-m.done
		return ended
	}
	select {
	case <-ready:
		return m, nil
	case <-m.done:
		return nil, fmt.Errorf("node %s: %w", name, errors.Join(m.stop(), context.Cause(ctx)))
	}
}

// crash ends the node without a word to anybody: its connections are cut first.
func (m *member) crash() {
	_ = m.Host().Close()
	_ = m.stop() // it ends with what it lacks now
	m.stop = func() error { return nil }
}

// meet waits until the member has as many connections, or its time is up.
func (m *member) meet(ctx context.Context, peers int) error {
	ctx, cancel := context.WithTimeout(ctx, 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		status, err := m.Status(ctx)
		if err != nil {
			return err
		}
		if status.Peers >= peers {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("node %s knows %d peers after 30 s, %d are running: %w", m.name, status.Peers, peers, context.Cause(ctx))
		}
	}
}

// shards is how many shards the member keeps for others.
func (m *member) shards(ctx context.Context) int64 {
	status, err := m.Status(ctx)
	if err != nil {
		return -1
	}
	return status.Shards
}
