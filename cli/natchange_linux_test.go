package cli_test

import (
	"syscall"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// begun is the change after which a new node finds nobody to begin with.
const begun = "the node all began with"

// A put goes on where it was when what lies between changes in the middle of it,
// and sends no more than one segment again.
func TestNATChanges(t *testing.T) {
	size := int64(100 << 20)
	if natTries() >= 20 {
		size = 500_000_000
	}
	for name, change := range map[string]func(*land, *natlab.Site, *natlab.Site) error{
		"the owner's address":     func(_ *land, owner, _ *natlab.Site) error { return owner.Move() },
		"a host's address":        func(_ *land, _, host *natlab.Site) error { return host.Move() },
		"the gate's memory":       func(_ *land, owner, _ *natlab.Site) error { return owner.Forget() },
		begun:                     func(l *land, _, _ *natlab.Site) error { return l.hub.Stop() },
		"the owner's, who sleeps": func(l *land, owner, _ *natlab.Site) error { return l.sleep(owner) },
	} {
		t.Run(name, func(t *testing.T) {
			l := newLand(t)
			home, away := l.site(natlab.Preserving, 1), l.site(natlab.Double, 1)
			owner, host := l.node(home.Machines[0], "--no-mdns"), l.node(away.Machines[0], "--no-mdns")
			l.node(l.site(natlab.None, 1).Machines[0], "--no-mdns", "--no-storage") // a second broker
			l.owner = owner
			if err := home.Rate(200); err != nil {
				t.Fatal(err)
			}
			path := l.file("long", size)
			type result struct {
				code  int
				lines []map[string]any
				err   error
			}
			done := make(chan result, 1)
			go func() {
				code, lines, err := owner.Command(t.Context(), "put", path, "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0")
				done <- result{code, lines, err}
			}()
			l.until(time.Minute, "a quarter is there", func() bool { return l.used(host) > size/4 })
			if err := change(l, home, away); err != nil {
				t.Fatal(err)
			}
			began := time.Now()
			r := <-done
			if r.err != nil || r.code != 0 && r.code != 3 {
				t.Fatalf("exit %d %s after the change, %v, %v; the host is reached so: %v", r.code, time.Since(began), r.lines[len(r.lines)-1], r.err, l.peer(owner, host))
			}
			sent := int64(r.lines[len(r.lines)-1]["bytes_sent"].(float64))
			t.Logf("%d bytes sent for %d, done %s after the change", sent, size, time.Since(began).Round(time.Second))
			if most := size + size/1000 + 2*(16<<20); sent > most {
				t.Errorf("%d bytes sent for %d: more than one segment again", sent, size)
			}
			if code, _, err := owner.Command(t.Context(), "get", "long", "-o", path+".back"); code != 0 || err != nil {
				t.Fatalf("get: exit %d, %v", code, err)
			}
			l.same(path, path+".back")
			if name != begun {
				l.foundAnew(r.lines[len(r.lines)-1]["manifest"].(string), path)
			}
		})
	}
}

// foundAnew has a node that has met nobody get a file by its manifest, from a host
// that may have moved.
func (l *land) foundAnew(manifest, path string) {
	l.t.Helper()
	stranger := l.node(l.site(natlab.Preserving, 1).Machines[0], "--no-mdns")
	began := time.Now()
	l.until(time.Minute, "a stranger finds the host", func() bool {
		code, _, err := stranger.Command(l.t.Context(), "get", manifest, "-o", path+".anew")
		return code == 0 && err == nil
	})
	l.t.Logf("a stranger had it after %s", time.Since(began).Round(time.Second))
	l.same(path, path+".anew")
}

// used is how many bytes a node keeps for others.
func (l *land) used(n *natlab.Node) int64 {
	l.t.Helper()
	_, lines, err := n.Command(l.t.Context(), "status")
	if err != nil {
		l.t.Fatal(err)
	}
	used, _ := lines[0]["used"].(float64)
	return int64(used)
}

// sleepTime is how long a machine sleeps: longer than transfers wait for a byte.
const sleepTime = 20 * time.Second

// sleep stops the owner's node as a laptop that is shut, moves its site, and
// wakes it.
func (l *land) sleep(at *natlab.Site) error {
	if err := l.owner.Signal(syscall.SIGSTOP); err != nil {
		return err
	}
	select {
	case <-l.t.Context().Done():
	case <-time.After(sleepTime):
	}
	if err := at.Move(); err != nil {
		return err
	}
	return l.owner.Signal(syscall.SIGCONT)
}
