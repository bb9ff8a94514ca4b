package cli_test

import (
	"testing"
	"time"

	"github.com/batchain/batchain/demo/natlab"
)

// 30 nodes behind one address join within a minute and send each other files, and
// none has more than two connections to a peer then.
func TestNATOffice(t *testing.T) {
	l := newLand(t)
	const count = 30
	office := l.site(natlab.Preserving, count)
	var nodes []*natlab.Node
	for _, m := range office.Machines {
		nodes = append(nodes, l.node(m, "--no-mdns"))
	}
	began := time.Now()
	l.until(time.Minute, "everybody has joined", func() bool {
		_, lines, err := l.hub.Command(t.Context(), "status")
		peers, _ := lines[0]["peers"].(float64)
		return err == nil && peers >= count
	})
	t.Logf("%d nodes have joined %s after the last was started", count, time.Since(began).Round(time.Second))
	if took, how := l.direct(nodes[0], nodes[count-1]); how == "" {
		t.Error("two nodes behind one NAT have no direct connection")
	} else {
		t.Logf("%s after %s", how, took.Round(time.Millisecond))
	}
	l.until(30*time.Second, "two connections to a peer at most", func() bool { return l.conns(l.hub) <= 2 && l.conns(nodes[0]) <= 2 })
}

// A put finds hosts that are all behind NATs, but the one node all begin with.
func TestNATHidden(t *testing.T) {
	l := newLand(t)
	owner := l.node(l.site(natlab.Preserving, 1).Machines[0], "--no-mdns")
	const hidden = 4
	for i := range hidden {
		kind := natlab.Preserving
		if i%2 == 1 {
			kind = natlab.Double
		}
		l.node(l.site(kind, 1).Machines[0], "--no-mdns")
	}
	path := l.file("hidden", 4<<20)
	var hosts float64
	l.until(time.Minute, "the file is on all hosts", func() bool {
		code, lines, err := owner.Command(t.Context(), "put", path, "--keepers", "0")
		if err != nil || code != 0 {
			return false
		}
		hosts, _ = lines[len(lines)-1]["hosts"].(float64)
		return hosts == hidden+1
	})
}

// What goes through NATs goes about as fast as what does not.
func TestNATRate(t *testing.T) {
	l := newLand(t)
	const megabits, size = 100, 30 << 20
	speed := func(kind natlab.Kind, name string) float64 {
		from, to := l.site(kind, 1), l.site(kind, 1)
		owner, host := l.node(from.Machines[0], "--no-mdns"), l.node(to.Machines[0], "--no-mdns")
		if _, how := l.direct(owner, host); how == "" {
			t.Fatalf("%s: no direct connection", kind)
		}
		if err := from.Rate(megabits); err != nil {
			t.Fatal(err)
		}
		code, lines, err := owner.Command(t.Context(), "put", l.file(name, size), "--host", host.PeerID, "--keepers", "0", "--scheme", "1+0")
		if err != nil || code != 0 {
			t.Fatalf("exit %d, %v", code, err)
		}
		return size / lines[len(lines)-1]["seconds"].(float64) / 1e6
	}
	plain, through := speed(natlab.None, "plain"), speed(natlab.Preserving, "through")
	t.Logf("%.1f MB/s without NATs, %.1f MB/s through two: %.2f", plain, through, through/plain)
	if through < 0.9*plain {
		t.Errorf("through NATs a put has %.2f of the rate", through/plain)
	}
}
