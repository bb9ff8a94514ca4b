package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// land is a lab with nodes on its machines.
type land struct {
	*natlab.Lab
	t     testing.TB
	dir   string
	prog  string // this test binary, called batchain
	hub   *natlab.Node
	owner *natlab.Node // of a test that changes it
	next  int
}

// natTries is how often each pair of the matrix is tried: BATCHAIN_NAT_TRIES. When
// that is not set no test of this kind runs.
func natTries() int {
	n, _ := strconv.Atoi(os.Getenv("BATCHAIN_NAT_TRIES"))
	return n
}

// newLand makes a lab with one public node that all others begin with, which is
// started with args.
func newLand(t testing.TB, args ...string) *land {
	t.Helper()
	if natTries() == 0 {
		t.Skip("SKIPPED: set BATCHAIN_NAT_TRIES to how often each pair of NATs is tried; it takes minutes and needs root")
	}
	if err := natlab.Available(); err != nil {
		t.Skip("SKIPPED: ", err)
	}
	lab, err := natlab.New(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l := &land{Lab: lab, t: t, dir: t.TempDir()}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	l.prog = filepath.Join(l.dir, "batchain")
	if err := os.Symlink(self, l.prog); err != nil {
		t.Fatal(err)
	}
	l.hub = l.node(l.site(natlab.None, 1).Machines[0], args...)
	return l
}

func (l *land) site(k natlab.Kind, machines int) *natlab.Site {
	l.t.Helper()
	s, err := l.Site(k, machines)
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

// node starts a node on a machine.
func (l *land) node(m *natlab.Machine, args ...string) *natlab.Node {
	l.t.Helper()
	l.next++
	return l.nodeAt(m, filepath.Join(l.dir, fmt.Sprint("node", l.next)), args...)
}

// nodeAt starts a node on a machine, with a home. Its log is beside it.
func (l *land) nodeAt(m *natlab.Machine, home string, args ...string) *natlab.Node {
	l.t.Helper()
	n, err := m.Start(l.t.Context(), l.prog, home, l.log(home), l.args(args)...)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

// again starts a node that has ended.
func (l *land) again(old *natlab.Node, args ...string) *natlab.Node {
	l.t.Helper()
	n, err := old.Again(l.t.Context(), l.log(old.Home), l.args(args)...)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
}

func (l *land) args(more []string) []string {
	args := append([]string{"--capacity", "20GB", "--log-level", "info"}, more...)
	if l.hub != nil {
		args = append(args, "--bootstrap", outside(l.hub))
	}
	return args
}

func (l *land) log(home string) io.Writer {
	l.t.Helper()
	log, err := os.OpenFile(home+".log", os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		l.t.Fatal(err)
	}
	return log
}

// outside is the address of a public node.
func outside(n *natlab.Node) string {
	for _, a := range n.Addrs {
		if strings.HasPrefix(a, "/ip4/11.") && strings.Contains(a, "/tcp/") {
			return a
		}
	}
	return ""
}

// file writes size bytes that no compressor could shrink.
func (l *land) file(name string, size int64) string {
	l.t.Helper()
	path := filepath.Join(l.dir, name)
	f, err := os.Create(path)
	if err != nil {
		l.t.Fatal(err)
	}
	_, err = io.Copy(f, noise(size))
	if err = errors.Join(err, f.Close()); err != nil {
		l.t.Fatal(err)
	}
	return path
}

// same checks that two files hold the same bytes.
func (l *land) same(one, other string) {
	l.t.Helper()
	a, errA := os.ReadFile(one)
	b, errB := os.ReadFile(other)
	if err := errors.Join(errA, errB); err != nil || !bytes.Equal(a, b) {
		l.t.Errorf("%s comes back otherwise: %v", one, err)
	}
}

// until asks again and again, within d, until something holds.
func (l *land) until(d time.Duration, what string, holds func() bool) {
	l.t.Helper()
	for end := time.Now().Add(d); !holds(); {
		if time.Now().After(end) {
			l.t.Fatalf("not within %s: %s", d, what)
		}
		<-time.After(200 * time.Millisecond)
	}
}

// peer is what one node says of another.
func (l *land) peer(of, about *natlab.Node) map[string]any {
	l.t.Helper()
	_, peers, err := of.Command(l.t.Context(), "peers")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range peers {
		if p["peer_id"] == about.PeerID {
			return p
		}
	}
	return nil
}

// conns is the most connections that a node has to one peer.
func (l *land) conns(n *natlab.Node) (most int) {
	l.t.Helper()
	_, peers, err := n.Command(l.t.Context(), "peers")
	if err != nil {
		l.t.Fatal(err)
	}
	for _, p := range peers {
		if count, ok := p["conns"].(float64); ok {
			most = max(most, int(count))
		}
	}
	return most
}
