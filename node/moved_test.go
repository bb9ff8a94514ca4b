package node_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/libp2p/go-libp2p/core/network"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
)

// TestHostThatMoved: a host that went without a word and starts again at another
// address lives there for the others, is found by what it keeps and by its id, also
// by a node that knows its old address only and cannot be called, and takes and
// gives shards.
func TestHostThatMoved(t *testing.T) {
	c := nodetest.New(t, 4, nodetest.Options{})
	owner, m := c.Client(), c.Nodes[3]
	id, old := m.Node().ID(), m.Node().Host().Addrs()
	toIt := func(name, text string) (control.PutResult, error) {
		req := control.PutRequest{Name: name, Size: int64(len(text)), Hosts: []string{id.String()}, Scheme: "1+0"}
		return owner.Put(within(t), req, strings.NewReader(text), quiet)
	}
	before, err := toIt("before", "kept while it moves")
	must(t, err)
	locator := m.Node().Kept(within(t))
	m.Kill()
	c.Wait("its owner has no connection to it", func() bool { return owner.Host().Network().Connectedness(id) == network.NotConnected })
	m.Start()
	now := m.Node().Host().Addrs()
	at := func(addrs []ma.Multiaddr) bool {
		return slices.ContainsFunc(now, func(a ma.Multiaddr) bool { return ma.Contains(addrs, a) })
	}
	if known := owner.Host().Peerstore().Addrs(id); at(old) || at(known) || !slices.ContainsFunc(old, func(a ma.Multiaddr) bool { return ma.Contains(known, a) }) {
		t.Fatalf("it was at %s and is at %s, and its owner knows %s", old, now, known)
	}

	for _, other := range c.Nodes[:3] {
		c.Wait("it is found and lives", func() bool {
			for _, info := range other.Node().HostsOf(within(t), locator) {
				if info.ID == id && at(info.Addrs) {
					return peerOf(t, other.Node(), id.String()).State == "live"
				}
			}
			return false
		})
	}
	after, err := toIt("after", "brought to where it is now")
	if err != nil || after.Hosts != 1 {
		t.Errorf("put by its id: %+v, %v", after, err)
	}
	stranger := c.Client()
	var got bytes.Buffer
	if _, err := stranger.Get(within(t), control.GetRequest{Ref: before.Manifest}, &got, quiet); err != nil || got.String() != "kept while it moves" {
		t.Errorf("a node that has met nobody gets %q, %v", &got, err)
	}
}
