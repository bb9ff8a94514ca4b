package cli_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// land is a lab with nodes on its machines.
type land struct {
	*natlab.Lab
	t    testing.TB
	dir  string
	prog string // this test binary, called batchain
	hub  *natlab.Node
	next int
}

// newLand makes a lab with one public node that all others begin with.
func newLand(t testing.TB) *land {
	t.Helper()
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
	l.hub = l.node(l.site(natlab.None, 1).Machines[0])
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
	if l.hub != nil {
		args = append(args, "--bootstrap", outside(l.hub))
	}
	l.next++
	home := filepath.Join(l.dir, fmt.Sprint("node", l.next))
	log, err := os.Create(home + ".log")
	if err != nil {
		l.t.Fatal(err)
	}
	n, err := m.Start(l.t.Context(), l.prog, home, log, append([]string{"--capacity", "20GB", "--log-level", "debug"}, args...)...)
	if err != nil {
		l.t.Fatal(err)
	}
	return n
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

func TestNATFirstProof(t *testing.T) {
	l := newLand(t)
	path := filepath.Join(l.dir, "file")
	if err := os.WriteFile(path, make([]byte, 200_000), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, from := range natlab.Kinds {
		for _, to := range natlab.Kinds {
			owner, host := l.node(l.site(from, 1).Machines[0]), l.node(l.site(to, 1).Machines[0])
			began := time.Now()
			code, lines, err := owner.Command(t.Context(), "--timeout", "20s", "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0")
			took := time.Since(began).Round(time.Millisecond)
			if err != nil {
				t.Log(err)
			}
			last := map[string]any{}
			if len(lines) > 0 {
				last = lines[len(lines)-1]
			}
			_, peers, _ := owner.Command(t.Context(), "peers")
			p := "?"
			for _, line := range peers {
				if line["peer_id"] == host.PeerID {
					p = fmt.Sprint(line["path"])
				}
			}
			t.Logf("%-10s -> %-10s exit %d %s path %s %v", from, to, code, took, p, last["why"])
			owner.Stop()
			host.Stop()
		}
	}
}
