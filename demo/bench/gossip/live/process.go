package live

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"github.com/batchain/batchain/demo/bench/gossip/journal"
)

func (m *mesh) start(ctx context.Context, index int) error {
	place := Place{Index: index, Ports: m.ports}
	if index != 0 {
		place.Through = []int{0}
	}
	c := exec.CommandContext(ctx, m.command[0], m.command[1:]...)
	c.Env = append(os.Environ(), m.env...)
	c.Stderr = os.Stderr
	in, err := c.StdinPipe()
	if err != nil {
		return err
	}
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	n := &node{process: c, orders: json.NewEncoder(in)}
	m.mu.Lock()
	m.nodes[index] = n
	for peer := range m.plan.Nodes {
		delete(m.live, [2]int{index, peer})
	}
	m.mu.Unlock()
	m.readers.Go(func() { m.listen(index, out) })
	return n.orders.Encode(place)
}

// listen takes down what a node writes, until it ends.
func (m *mesh) listen(index int, out io.Reader) {
	lines := json.NewDecoder(bufio.NewReader(out))
	for {
		var e journal.Event
		if lines.Decode(&e) != nil {
			return
		}
		e.Node = index
		m.tell(e)
	}
}

func (m *mesh) tell(e journal.Event) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e.At = float64(time.Since(m.began).Microseconds()) / 1000
	m.events = append(m.events, e)
	if e.Kind == journal.Live || e.Kind == journal.Dead {
		m.live[[2]int{e.Node, e.Peer}] = e.Kind == journal.Live
	}
	select {
	case m.changed <- struct{}{}:
	default:
	}
}

func (m *mesh) order(index int, c Command) error { return m.nodes[index].orders.Encode(c) }

// kill ends a node without a word, if it runs.
func (m *mesh) kill(index int) {
	m.mu.Lock()
	n := m.nodes[index]
	delete(m.nodes, index)
	m.mu.Unlock()
	if n != nil {
		_ = n.process.Process.Kill()
		_ = n.process.Wait() // its end is what was asked for
	}
}

// freePorts returns ports of loopback that nobody uses at the moment.
func freePorts(count int) ([]int, error) {
	var ports []int
	for range count {
		l, err := net.Listen("tcp4", "127.0.0.1:0")
		if err != nil {
			return nil, err
		}
		defer func() { _ = l.Close() }()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}
