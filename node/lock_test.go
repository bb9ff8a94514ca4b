package node_test

import (
	"bufio"
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// holder starts a process that runs a node on home, and waits until it serves.
func holder(t *testing.T, home string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), holdHome+"="+home)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill(); _ = cmd.Wait() })
	if line, err := bufio.NewReader(out).ReadString('\n'); strings.TrimSpace(line) != "ready" {
		t.Fatalf("holder says %q, %v", line, err)
	}
	return cmd
}

// TestHomeIsOneNodes: a second node is refused with the first one's process
// id, and SIGKILL of the first frees the home, its socket left behind or not.
func TestHomeIsOneNodes(t *testing.T) {
	home := filepath.Join(t.TempDir(), "home")
	first := holder(t, home)
	_, err := node.New(within(t), loopback(home))
	var busy *node.HomeBusy
	if !errors.As(err, &busy) || busy.PID != first.Process.Pid || busy.Socket != filepath.Join(home, "control.sock") {
		t.Fatalf("got %v (%+v), want a busy home of process %d", err, busy, first.Process.Pid)
	}
	var told *control.Error
	if !errors.As(node.Explain(err), &told) || told.Exit != 11 || !strings.Contains(told.Why, "process") {
		t.Errorf("explained as %v", told)
	}
	if _, err := socket(t, home).Status(within(t)); err != nil {
		t.Errorf("the first does not answer: %v", err)
	}

	if err := first.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = first.Wait()
	n, err := node.New(within(t), loopback(home))
	if err != nil {
		t.Fatalf("after SIGKILL of the first: %v", err)
	}
	run(t, n)
	status, err := socket(t, home).Status(within(t))
	if err != nil || status.PeerID != n.ID().String() {
		t.Errorf("the second answers %+v, %v", status, err)
	}
}

// run serves until the test ends.
func run(t *testing.T, n *node.Node) {
	t.Helper()
	ctx, stop := context.WithCancel(context.Background())
	ready, done := make(chan struct{}), make(chan error, 1)
	go func() { done <- n.Run(ctx, func() { close(ready) }) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Errorf("node ended: %v", err)
		}
	})
	select {
	case <-ready:
	case <-within(t).Done():
		t.Fatal("the node does not get ready")
	}
}
