package node_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// TestMetricsOverSocketAndPort: both serve the figures of every part; the port
// serves nothing else.
func TestMetricsOverSocketAndPort(t *testing.T) {
	const port = "127.0.0.1:0"
	c := nodetest.New(t, 1, nodetest.Options{Edit: func(_ int, c *node.Config) { c.Metrics = port }})
	n := c.Nodes[0].Node()
	answer, err := socket(t, c.Nodes[0].Config().Home).Open(within(t), "/metrics")
	must(t, err)
	defer answer.Close()
	text, err := io.ReadAll(answer)
	must(t, err)
	for _, name := range []string{"batchain_node_info{", "batchain_node_peers 0", "batchain_store_", "libp2p_", "go_goroutines", "process_resident_memory_bytes"} {
		if !bytes.Contains(text, []byte(name)) {
			t.Errorf("no %s in the metrics", name)
		}
	}
	for path, want := range map[string]int{"/metrics": 200, "/events": 404, "/debug/pprof/": 404, "/v1/status": 404} {
		r, err := http.Get("http://" + n.MetricsAddr() + path)
		must(t, err)
		r.Body.Close()
		if r.StatusCode != want {
			t.Errorf("%s on the port: %s", path, r.Status)
		}
	}
	http.DefaultClient.CloseIdleConnections()
}

// TestEventsTellOfAPut at its node and at a host.
func TestEventsTellOfAPut(t *testing.T) {
	c := nodetest.New(t, 2, nodetest.Options{})
	listen := func(m *nodetest.Member) *bufio.Scanner {
		answer, err := socket(t, m.Config().Home).Open(within(t), "/events")
		must(t, err)
		t.Cleanup(func() { answer.Close() })
		return bufio.NewScanner(answer)
	}
	owner, host := listen(c.Nodes[0]), listen(c.Nodes[1])
	put, err := c.Nodes[0].Node().Put(within(t), control.PutRequest{Name: "note", Size: 5}, strings.NewReader("hello"), quiet)
	must(t, err)
	until(t, owner, func(e node.Event) bool { return e.Type == node.EventPutStart && e.Name == "note" })
	until(t, owner, func(e node.Event) bool { return e.Type == node.EventPutDone && e.File == put.ID && e.Err == "" })
	until(t, host, func(e node.Event) bool { return e.Type == node.EventStored && e.Locator != "" })
	c.Kill(1)
	until(t, owner, func(e node.Event) bool { return e.Type == node.EventPeerDown })
}

// until reads events up to the one looked for.
func until(t *testing.T, lines *bufio.Scanner, is func(node.Event) bool) {
	t.Helper()
	var seen []string
	for lines.Scan() {
		var e node.Event
		must(t, json.Unmarshal(lines.Bytes(), &e))
		if is(e) {
			return
		}
		seen = append(seen, lines.Text())
	}
	t.Fatalf("the event did not come (%v) after\n%s", lines.Err(), strings.Join(seen, "\n"))
}
