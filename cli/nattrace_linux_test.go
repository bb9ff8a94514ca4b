package cli_test

import (
	"bufio"
	"context"
	"encoding/json"
	"net"
	"net/http"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// happening is one event of a node.
type happening struct {
	Type, Peer, Via, Err string
	Size                 int64
}

// watch reads a node's events from now on. What it returns ends the reading and
// returns them.
func (l *land) watch(n *natlab.Node) func() []happening {
	l.t.Helper()
	ctx, cancel := context.WithCancel(l.t.Context())
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "unix", filepath.Join(n.Home, "control.sock"))
	}}}
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://node/events", nil)
	if err != nil {
		l.t.Fatal(err)
	}
	resp, err := client.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	done := make(chan []happening)
	go func() {
		defer resp.Body.Close()
		var seen []happening
		for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
			var h happening
			if json.Unmarshal(lines.Bytes(), &h) == nil {
				seen = append(seen, h)
			}
		}
		done <- seen
	}()
	return func() []happening { cancel(); return <-done }
}

// steps are the types of the events about one peer, in order.
func steps(seen []happening, about *natlab.Node) (types []string) {
	for _, h := range seen {
		if h.Peer == about.PeerID {
			types = append(types, h.Type)
		}
	}
	return types
}

// inOrder reports whether want comes in seen, in this order, with others between.
func inOrder(seen []string, want ...string) bool {
	for _, s := range seen {
		if len(want) > 0 && s == want[0] {
			want = want[1:]
		}
	}
	return len(want) == 0
}

// A put from behind a NAT to hosts behind NATs goes the original's way, one of
// whose hosts has no space; and each byte goes once. The introduction may be older
// than the put: gossip makes hosts and owner look for each other, too.
func TestNATTrace(t *testing.T) {
	l := newLand(t)
	owner := l.node(l.site(natlab.Preserving, 1).Machines[0], "--no-mdns")
	stop := l.watch(owner)
	full := l.node(l.site(natlab.Preserving, 1).Machines[0], "--no-mdns", "--capacity", "1KB")
	var hosts []*natlab.Node
	var theirs []func() []happening
	for range 2 {
		h := l.node(l.site(natlab.Double, 1).Machines[0], "--no-mdns")
		hosts, theirs = append(hosts, h), append(theirs, l.watch(h))
	}
	path := l.file("traced", 8<<20)
	code, lines, err := owner.Command(t.Context(), "put", path, "--keepers", "0", "--scheme", "1+1",
		"--host", full.PeerID, "--host", hosts[0].PeerID, "--host", hosts[1].PeerID)
	if err != nil || code != 0 {
		t.Fatalf("exit %d, %v, %v", code, lines, err)
	}
	seen := stop()
	for i, h := range hosts {
		ours, its := steps(seen, h), steps(theirs[i](), owner)
		asked := inOrder(ours, "broker_connection", "establish_connection")
		answered := inOrder(its, "broker_connection") && inOrder(ours, "establish_connection")
		if !asked && !answered || !inOrder(ours, "ready_to_store", "store_file") {
			t.Errorf("the owner's steps %v, the host's %v", ours, its)
		}
	}
	if got := steps(seen, full); slices.Contains(got, "store_file") {
		t.Errorf("the full host's steps %v", got)
	}
	if sent := lines[len(lines)-1]["bytes_sent"].(float64); sent > 1.05*2*(8<<20) {
		t.Errorf("%.0f bytes sent", sent)
	}
	l.until(30*time.Second, "there are at most two connections to each peer", func() bool { return l.conns(owner) <= 2 })
}
