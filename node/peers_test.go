package node_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/nodetest"
)

// TestRestartNeedsNoBootstrap: a node that met others finds them again by its
// peer cache, also when it was killed without a chance to write it at the end.
func TestRestartNeedsNoBootstrap(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{})
	m := c.Nodes[2]
	file := filepath.Join(m.Config().Home, "peers.json")
	var cache struct {
		Version int
		Peers   []struct {
			ID    string
			Addrs []string
		}
	}
	c.Wait("the cache is written while the node runs", func() bool {
		data, err := os.ReadFile(file)
		return err == nil && json.Unmarshal(data, &cache) == nil && len(cache.Peers) == 2
	})
	if cache.Version != 1 || len(cache.Peers[0].Addrs) == 0 || !strings.Contains(cache.Peers[0].Addrs[0], "/tcp/") {
		t.Errorf("cache %+v", cache)
	}
	m.Kill()
	cfg := m.Config()
	cfg.Bootstrap = nil
	m.StartWith(cfg)
	c.Wait("the node is among the others again", func() bool { return m.Node().Known() == 2 })
}

// TestClientRemembersTheMesh: a command that was told an address leaves a home
// with which the next needs none.
func TestClientRemembersTheMesh(t *testing.T) {
	c := nodetest.New(t, 3, nodetest.Options{})
	home := filepath.Join(t.TempDir(), "home")
	for _, bootstrap := range [][]string{c.Nodes[0].Node().Addrs(), nil} {
		n, err := node.New(within(t), node.Config{Home: home, Mesh: "test", Client: true, Bootstrap: bootstrap})
		if err != nil {
			t.Fatal(err)
		}
		t.Run("command", func(t *testing.T) {
			run(t, n)
			c.Wait("the client knows all", func() bool { return n.Known() == 3 })
		})
		if len(n.Addrs()) != 0 {
			t.Errorf("a client listens at %s", n.Addrs())
		}
	}
}

func TestUnreadablePeerCacheIsAnEmptyOne(t *testing.T) {
	for _, text := range []string{"", "rubbish", `{"version":1,"peers":[{"id":"nobody","addrs":["x"]}]}`, strings.Repeat(" ", 2<<20)} {
		home := t.TempDir()
		write(t, filepath.Join(home, "peers.json"), text, 0o600)
		n, err := node.New(within(t), loopback(home))
		if err != nil {
			t.Fatalf("%.20q: %v", text, err)
		}
		run(t, n)
		peers, err := n.Peers(within(t))
		if err != nil || len(peers) != 0 {
			t.Errorf("%.20q: %v, %v", text, peers, err)
		}
	}
}
