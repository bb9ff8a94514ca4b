package natlab

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os/exec"
	"sync"
	"syscall"
)

// Node is a batchain node that runs on a machine.
type Node struct {
	Home   string
	PeerID string
	Addrs  []string // full, as it printed them when it was ready

	program string
	machine *Machine
	cmd     *exec.Cmd
	wait    func() error
}

// Start runs a node until ctx ends or it is stopped, and returns when it is
// ready. program is batchain; log, which may be nil, gets what the node logs.
func (m *Machine) Start(ctx context.Context, program, home string, log io.Writer, args ...string) (*Node, error) {
	n := &Node{Home: home, program: program, machine: m}
	n.cmd = m.Command(ctx, program, append([]string{"--home", home, "--json", "node"}, args...)...)
	n.cmd.Stderr = log
	n.cmd.Cancel = func() error { return n.cmd.Process.Signal(syscall.SIGTERM) }
	out, err := n.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := n.cmd.Start(); err != nil {
		return nil, err
	}
	lines := bufio.NewScanner(out)
	n.wait = sync.OnceValue(func() error {
		_, _ = io.Copy(io.Discard, out)
		return n.cmd.Wait()
	})
	for lines.Scan() {
		var line struct {
			Type   string   `json:"type"`
			PeerID string   `json:"peer_id"`
			Addrs  []string `json:"addrs"`
		}
		if json.Unmarshal(lines.Bytes(), &line) == nil && line.Type == "ready" {
			n.PeerID, n.Addrs = line.PeerID, line.Addrs
			m.lab.jobs.Go(func() { _ = n.wait() })
			return n, nil
		}
	}
	return nil, fmt.Errorf("node in %s is not ready: %w", home, n.wait())
}

// Signal sends a signal to the node's process.
func (n *Node) Signal(s syscall.Signal) error { return n.cmd.Process.Signal(s) }

// Stop ends the node with SIGTERM and waits for its end.
func (n *Node) Stop() error {
	if err := n.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	return n.wait()
}

// Kill ends the node as a crash does, and waits for its end.
func (n *Node) Kill() error {
	if err := n.Signal(syscall.SIGKILL); err != nil {
		return err
	}
	_ = n.wait() // which says that it was killed
	return nil
}

// Again runs a node in the home and on the machine of one that has ended.
func (n *Node) Again(ctx context.Context, log io.Writer, args ...string) (*Node, error) {
	return n.machine.Start(ctx, n.program, n.Home, log, args...)
}

// Pid is the node's process id.
func (n *Node) Pid() int { return n.cmd.Process.Pid }

// Command runs a command line of batchain with the node's home, on its machine,
// and returns the exit code and the lines of its --json.
func (n *Node) Command(ctx context.Context, args ...string) (code int, lines []map[string]any, err error) {
	return n.machine.Batchain(ctx, n.program, n.Home, args...)
}

// Batchain runs a command line of batchain on the machine.
func (m *Machine) Batchain(ctx context.Context, program, home string, args ...string) (code int, lines []map[string]any, err error) {
	cmd := m.Command(ctx, program, append([]string{"--home", home, "--json"}, args...)...)
	var stdout bytes.Buffer
	cmd.Stdout = &stdout
	err = cmd.Run()
	if cmd.ProcessState == nil || ctx.Err() != nil {
		return -1, nil, fmt.Errorf("%v: %w", args, err)
	}
	for line := range bytes.Lines(stdout.Bytes()) {
		var m map[string]any
		if err := json.Unmarshal(line, &m); err != nil {
			return -1, nil, fmt.Errorf("%v: %q: %w", args, line, err)
		}
		lines = append(lines, m)
	}
	return cmd.ProcessState.ExitCode(), lines, nil
}
