package node_test

import (
	"bufio"
	"context"
	"encoding/json"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// logged is what a node has logged.
type logged struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *logged) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(b)
}

func (l *logged) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// peerOf is what n knows of another, the zero peer when it knows nothing.
func peerOf(t *testing.T, n *node.Node, other string) control.Peer {
	t.Helper()
	peers, err := n.Peers(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if p.PeerID == other {
			return p
		}
	}
	return control.Peer{}
}

// members waits until a node counts so many members of a state.
func members(t *testing.T, c *nodetest.Cluster, n *node.Node, state string, count int) {
	t.Helper()
	c.Wait("it counts the members that are "+state, func() bool { return inState(t, n, state) == count })
}

func inState(t *testing.T, n *node.Node, state string) (count int) {
	t.Helper()
	peers, err := n.Peers(within(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range peers {
		if p.State == state && p.AgeS >= 0 {
			count++
		}
	}
	return count
}

// settled waits until a node has heard enough heartbeats of the others to judge
// their silence: of who is new it is patient.
func settled(t *testing.T, c *nodetest.Cluster, n *node.Node, others int) {
	t.Helper()
	members(t, c, n, "live", others)
	rest := time.After(6 * time.Second)
	c.Wait("a few heartbeats have come", func() bool {
		select {
		case <-rest:
			return true
		default:
			return false
		}
	})
}

// follow returns the types of a node's events about another, as they come.
func follow(t *testing.T, n *node.Node, home, other string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	body, err := socket(t, home).Open(ctx, "/events")
	if err != nil {
		t.Fatal(err)
	}
	types, ended := make(chan string, 64), make(chan struct{})
	t.Cleanup(func() { cancel(); _ = body.Close(); <-ended })
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(body)
		for lines.Scan() {
			var e node.Event
			if json.Unmarshal(lines.Bytes(), &e) == nil && e.Peer == other {
				select {
				case types <- e.Type:
				default:
				}
			}
		}
	}()
	return types
}

func awaitEvent(t *testing.T, types <-chan string, want string) {
	t.Helper()
	ctx := within(t)
	for {
		select {
		case got := <-types:
			if got == want {
				return
			}
		case <-ctx.Done():
			t.Fatalf("no event %s", want)
		}
	}
}

// TestMembersLiveDieAndReturn: what a node says of itself is everywhere; one
// that is cut off is dead to all, one that says goodbye has left, and who comes
// back lives.
func TestMembersLiveDieAndReturn(t *testing.T) {
	c := nodetest.New(t, 4, nodetest.Options{})
	first := c.Nodes[0].Node()
	settled(t, c, first, 3)
	gone, left := c.Nodes[2].Node().ID().String(), c.Nodes[3].Node().ID().String()
	c.Wait("what they say of themselves is known", func() bool {
		p := peerOf(t, first, gone)
		return p.Free > 0 && p.Agent == "batchain/"+node.Version() && p.AgeS >= 0 && p.AgeS < 10
	})
	events := follow(t, first, c.Nodes[0].Config().Home, gone)
	c.Nodes[3].Stop()
	members(t, c, first, "left", 1)
	if status, err := socket(t, c.Nodes[0].Config().Home).Status(within(t)); err != nil || status.Members["left"] != 1 || status.Members["live"] != 2 {
		t.Errorf("status counts members %v, %v", status.Members, err)
	}
	if p := peerOf(t, first, left); p.State != "left" {
		t.Errorf("it said goodbye: %+v", p)
	}
	c.Kill(2)
	awaitEvent(t, events, "member_suspect")
	awaitEvent(t, events, "member_dead")
	if p := peerOf(t, first, gone); p.State != "dead" || p.Path != "none" || p.AgeS < 2 {
		t.Errorf("after its death: %+v", p)
	}
	c.Nodes[2].Start()
	awaitEvent(t, events, "member_restarted")
	awaitEvent(t, events, "member_live")
	members(t, c, c.Nodes[1].Node(), "live", 2)
}

// TestCommandsAreNoMembers: a node for the length of one command knows the
// members, and is none.
func TestCommandsAreNoMembers(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{})
	client := c.ClientAt(filepath.Join(t.TempDir(), "home"))
	members(t, c, client.Node(), "live", 3)
	client.Stop()
	members(t, c, c.Nodes[0].Node(), "live", 2)
	if n := inState(t, c.Nodes[0].Node(), "dead") + inState(t, c.Nodes[0].Node(), "left") + inState(t, c.Nodes[0].Node(), "unknown"); n > 0 {
		t.Errorf("%d members are not live", n)
	}
}

// TestMembersWithoutStorage: a node that keeps nothing is a member as well, and
// says that it has no room.
func TestMembersWithoutStorage(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{Edit: func(i int, cfg *node.Config) { cfg.NoStorage = i == 2 }})
	members(t, c, c.Nodes[0].Node(), "live", 2)
	if p := peerOf(t, c.Nodes[0].Node(), c.Nodes[2].Node().ID().String()); p.State != "live" || p.Free != 0 {
		t.Errorf("the one without storage: %+v", p)
	}
	c.Nodes[2].Stop()
	members(t, c, c.Nodes[1].Node(), "left", 1)
}

// TestTheDeadAreNotAsked: a put passes over a host that gossip knows to be dead,
// and every host that is left takes part.
func TestTheDeadAreNotAsked(t *testing.T) {
	var log logged
	c := nodetest.New(t, 6, nodetest.Options{Edit: func(i int, cfg *node.Config) {
		if i == 5 {
			cfg.Logger = slog.New(slog.NewTextHandler(&log, &slog.HandlerOptions{Level: slog.LevelDebug}))
		}
	}})
	owner := c.Nodes[5].Node()
	settled(t, c, owner, 5)
	dead := c.Nodes[1].Node().ID().String()
	c.Kill(1)
	members(t, c, owner, "dead", 1)
	path := filepath.Join(t.TempDir(), "f")
	write(t, path, strings.Repeat("some lines\n", 100_000), 0o600)
	put, err := owner.Put(within(t), control.PutRequest{Path: path, Size: -1}, nil, quiet)
	if err != nil || put.Hosts != 4 {
		t.Errorf("%+v, %v", put, err)
	}
	for line := range strings.Lines(log.String()) {
		if strings.Contains(line, "candidate does not answer") && strings.Contains(line, dead) {
			t.Errorf("the dead one was asked: %s", line)
		}
	}
}

// TestHostsOfFilesAreImportant: gossip watches those who have a part of the
// owner's files, and nobody for any other reason.
func TestHostsOfFilesAreImportant(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{})
	owner := c.Nodes[0]
	put, err := owner.Node().Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	must(t, err)
	hosts := readManifest(t, put.Manifest).Hosts
	owner.Stop()
	owner.Start()
	c.Wait("the hosts are important", func() bool {
		return !slices.ContainsFunc(hosts, func(h peer.AddrInfo) bool { return !owner.Node().ReliesOn(h.ID) })
	})
	if len(hosts) == 0 || owner.Node().ReliesOn(owner.Node().ID()) {
		t.Errorf("%d hosts; itself among the important ones: %v", len(hosts), owner.Node().ReliesOn(owner.Node().ID()))
	}
	if other := c.Nodes[1].Node(); other.ReliesOn(owner.Node().ID()) {
		t.Error("who has no files relies on somebody")
	}
}
