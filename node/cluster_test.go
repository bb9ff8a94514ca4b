package node_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// within is the context of one command in a test.
func within(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

func quiet(control.Progress) {}

// socket returns a client of the node's control socket.
func socket(t *testing.T, home string) *control.Client {
	t.Helper()
	c := control.Dial(node.SocketPath(home))
	t.Cleanup(c.Close)
	return c
}

func TestTwoNodesMeetAndTellOverTheSocket(t *testing.T) {
	c := nodetest.New(t, 2, nodetest.Options{})
	a, b := c.Nodes[0].Node(), c.Nodes[1].Node()
	client := socket(t, c.Nodes[1].Config().Home)
	status, err := client.Status(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if status.PeerID != b.ID().String() || status.Mesh != "test" || status.Peers != 1 || status.Capacity != 1<<30 ||
		status.Reachability != "loopback" || status.Version != node.Version() || len(status.Addrs) == 0 {
		t.Errorf("status %+v", status)
	}
	peers, err := client.Peers(within(t))
	if err != nil {
		t.Fatal(err)
	}
	if len(peers) != 1 || peers[0].PeerID != a.ID().String() || peers[0].State != "live" || peers[0].Path != "direct" ||
		peers[0].RTTms <= 0 || peers[0].Free <= 0 || peers[0].Agent != "batchain/"+node.Version() {
		t.Errorf("peers %+v", peers)
	}
	c.Kill(0)
	c.Wait("the dead one is no peer any more", func() bool {
		status, err := client.Status(within(t))
		return err == nil && status.Peers == 0
	})
	peers, err = client.Peers(within(t))
	if err != nil || len(peers) != 1 || peers[0].PeerID != a.ID().String() || peers[0].Path != "none" {
		t.Errorf("after its death: %+v, %v", peers, err)
	}
}

func TestPutAndGetThroughOwnNodes(t *testing.T) {
	c := nodetest.New(t, 5, nodetest.Options{})
	client := c.Client()
	dir := t.TempDir()
	plain := make([]byte, 3<<20)
	rand.Read(plain)
	from := filepath.Join(dir, "holiday.tar")
	if err := os.WriteFile(from, plain, 0o600); err != nil {
		t.Fatal(err)
	}
	put, err := client.Put(within(t), control.PutRequest{Path: from, Size: -1}, nil, quiet)
	if err != nil {
		t.Fatal(err)
	}
	if put.Scheme != "2+3" || put.Hosts != 5 || put.Size != int64(len(plain)) || put.Name != "holiday.tar" || put.Shortfall != "" {
		t.Errorf("put %+v", put)
	}
	for i := range 3 {
		c.Kill(i)
	}
	to := filepath.Join(dir, "back.tar")
	if _, err := client.Get(within(t), control.GetRequest{Ref: put.Manifest, Output: to}, nil, quiet); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(to); err != nil || !bytes.Equal(got, plain) {
		t.Errorf("what came back differs (%d bytes, %v)", len(got), err)
	}
}

// TestPutToNamedHosts: only those, by any of their names, each counted once.
func TestPutToNamedHosts(t *testing.T) {
	c := nodetest.New(t, 4, nodetest.Options{QUIC: true})
	first, second := c.Nodes[1].Node(), c.Nodes[2].Node()
	req := control.PutRequest{Name: "note", Size: 5, Hosts: append(first.Addrs(), second.ID().String())}
	put, err := c.Client().Put(within(t), req, strings.NewReader("hello"), quiet)
	must(t, err)
	if put.Hosts != 2 || put.Scheme != "1+1" {
		t.Errorf("put %+v", put)
	}
	for i, m := range c.Nodes {
		status, err := m.Node().Status(within(t))
		if want := int64(i * (3 - i) / 2); err != nil || status.Shards != want {
			t.Errorf("node %d keeps %d shards, want %d (%v)", i, status.Shards, want, err)
		}
	}
}

func TestRemoveAtEveryHost(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{})
	client := c.Client()
	put, err := client.Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	must(t, err)
	gone, err := client.Remove(within(t), control.RemoveRequest{Ref: put.Manifest}, quiet)
	must(t, err)
	if gone.Hosts != 3 || gone.Deleted != 3 || len(gone.Unreached) != 0 || gone.ID != put.ID {
		t.Errorf("removed %+v", gone)
	}
	_, err = client.Get(within(t), control.GetRequest{Ref: put.Manifest, Output: filepath.Join(t.TempDir(), "x")}, nil, quiet)
	if exit(err) != control.ExitNotFound {
		t.Errorf("get after remove: %v", err)
	}
	for i, m := range c.Nodes {
		if status, err := m.Node().Status(within(t)); err != nil || status.Shards != 0 {
			t.Errorf("node %d still keeps %d shards (%v)", i, status.Shards, err)
		}
	}
}

// TestPutWithNobody says that there is nobody.
func TestPutWithNobody(t *testing.T) {
	n, err := node.New(within(t), node.Config{Home: t.TempDir(), Mesh: "test", Client: true})
	must(t, err)
	run(t, n)
	_, err = n.Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	if exit(err) != control.ExitNetwork {
		t.Errorf("got %v", err)
	}
}

// TestNodeWithoutStorageKeepsNothing, and puts and gets as others do.
func TestNodeWithoutStorageKeepsNothing(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{Edit: func(i int, c *node.Config) { c.NoStorage = i == 2 }})
	n := c.Nodes[2].Node()
	put, err := c.Nodes[0].Node().Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	must(t, err)
	if put.Hosts != 1 || put.Scheme != "1+0" {
		t.Errorf("put %+v", put)
	}
	put, err = n.Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	must(t, err)
	if put.Hosts != 2 || put.Scheme != "1+1" {
		t.Errorf("its own put %+v", put)
	}
	status, err := n.Status(within(t))
	if err != nil || status.Capacity != 0 || status.Shards != 0 {
		t.Errorf("status %+v, %v", status, err)
	}
	if _, err := os.Stat(filepath.Join(c.Nodes[2].Config().Home, "index")); err == nil {
		t.Error("a node without storage has an index")
	}
}

// TestMeshesStayApart: nodes of two meshes that were told of each other connect
// and are of no use to each other.
func TestMeshesStayApart(t *testing.T) {
	ours := nodetest.New(t, 1, nodetest.Options{Mesh: "ours"})
	addrs := ours.Nodes[0].Node().Addrs()
	theirs := nodetest.New(t, 1, nodetest.Options{Mesh: "theirs", Edit: func(_ int, c *node.Config) { c.Bootstrap = addrs }})
	n := theirs.Nodes[0].Node()
	theirs.Wait("they are connected", func() bool { return len(n.Host().Network().Peers()) == 1 })
	_, err := n.Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	if exit(err) != control.ExitNetwork && exit(err) != control.ExitNoRoom {
		t.Errorf("put in a mesh of one: %v", err)
	}
	if n.Known() != 0 || ours.Nodes[0].Node().Known() != 0 {
		t.Error("a routing table holds a node of the other mesh")
	}
	if status, err := ours.Nodes[0].Node().Status(within(t)); err != nil || status.Shards != 0 {
		t.Errorf("the other mesh keeps %d shards (%v)", status.Shards, err)
	}
}

func TestPutsThatAreRefused(t *testing.T) {
	c := nodetest.New(t, 2, nodetest.Options{})
	dir := t.TempDir()
	from, there := filepath.Join(dir, "f"), filepath.Join(dir, "there")
	for _, path := range []string{from, there} {
		if err := os.WriteFile(path, []byte("text"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	client := c.Client()
	for _, req := range []control.PutRequest{{Manifest: there}, {BandwidthLimit: 10}, {Scheme: "0+1"}, {Durability: "high"}} {
		req.Path = from
		_, err := client.Put(within(t), req, nil, quiet)
		var told *control.Error
		if !errors.As(err, &told) || told.Exit != control.ExitUsage {
			t.Errorf("put %+v: %v", req, err)
		}
	}
	if text, err := os.ReadFile(there); err != nil || string(text) != "text" {
		t.Errorf("the file that was there is %q, %v", text, err)
	}
}

func TestLostOwnerKeyIsTold(t *testing.T) {
	var said bytes.Buffer
	c := nodetest.New(t, 2, nodetest.Options{Logger: slog.New(slog.NewTextHandler(&said, &slog.HandlerOptions{Level: slog.LevelError}))})
	from := filepath.Join(t.TempDir(), "f")
	if err := os.WriteFile(from, []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Nodes[1].Node().Put(within(t), control.PutRequest{Path: from}, nil, quiet); err != nil {
		t.Fatal(err)
	}
	c.Nodes[1].Stop()
	if err := os.Remove(filepath.Join(c.Nodes[1].Config().Home, "owner.key")); err != nil {
		t.Fatal(err)
	}
	if c.Nodes[0].Stop(); said.Len() > 0 {
		t.Fatalf("said before: %s", &said)
	}
	c.Nodes[1].Start()
	c.Nodes[1].Stop()
	if !strings.Contains(said.String(), "owner.key is missing") {
		t.Errorf("said: %s", &said)
	}
}

// A host that is away when a file is removed is told when it is back, by the
// owner's next node.
func TestRemoveReachesAHostThatComesBack(t *testing.T) {
	c := nodetest.New(t, 4, nodetest.Options{})
	owner, away := c.Nodes[0], c.Nodes[3]
	put, err := owner.Node().Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	must(t, err)
	away.Kill()
	gone, err := owner.Node().Remove(within(t), control.RemoveRequest{Ref: put.Manifest}, quiet)
	must(t, err)
	if len(gone.Unreached) != 1 || !gone.Noted {
		t.Fatalf("removed %+v", gone)
	}
	owner.Stop()
	away.Start()
	if status, err := away.Node().Status(within(t)); err != nil || status.Shards != 1 {
		t.Fatalf("the host came back with %d shards, %v", status.Shards, err)
	}
	owner.Start()
	c.Wait("the host that came back lets the file go", func() bool {
		status, err := away.Node().Status(within(t))
		return err == nil && status.Shards == 0
	})
}
