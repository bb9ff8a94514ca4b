package kad_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"slices"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/kad"
)

func TestAlone(t *testing.T) {
	n := start(t, nil)
	infos, err := n.Closest(t.Context(), []byte("key"))
	if err != nil || len(infos) > 0 {
		t.Errorf("closest: %v, %v", infos, err)
	}
	if err := n.Provide(t.Context(), locator(1)); err != nil {
		t.Errorf("provide: %v", err)
	}
	if hosts := n.found(locator(1)); len(hosts) > 0 {
		t.Errorf("find: %v", hosts)
	}
	if n.Size() != 0 {
		t.Errorf("size %d", n.Size())
	}

	late := start(t, via(n))
	until(t, "what was provided alone is announced", func() bool {
		return slices.Equal(late.found(locator(1)), ids(n))
	})
}

func TestTwo(t *testing.T) {
	a := start(t, nil)
	b := start(t, via(a))
	until(t, "both know each other", func() bool { return a.Size() == 1 && b.Size() == 1 })
	infos, err := a.Closest(t.Context(), []byte("key"))
	if err != nil || !slices.Equal(of(infos), ids(b)) || len(infos[0].Addrs) == 0 {
		t.Errorf("closest: %v, %v", infos, err)
	}
	if err := a.Provide(t.Context(), locator(1)); err != nil {
		t.Fatal(err)
	}
	if err := b.Provide(t.Context(), locator(1)); err != nil {
		t.Fatal(err)
	}
	until(t, "b finds a", func() bool { return slices.Equal(b.found(locator(1)), ids(a)) })
	until(t, "a finds b", func() bool { return slices.Equal(a.found(locator(1)), ids(b)) })
}

func TestThreeWithAClient(t *testing.T) {
	a := start(t, nil)
	b := start(t, via(a))
	c := start(t, func(cfg *kad.Config) { via(a)(cfg); cfg.Server = false })
	until(t, "the client knows both servers", func() bool { return c.Size() == 2 })
	for _, n := range []*node{a, b, c} {
		if err := n.Provide(t.Context(), locator(1)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "a finds b and c", func() bool { return slices.Equal(a.found(locator(1)), ids(b, c)) })
	until(t, "c finds a and b", func() bool { return slices.Equal(c.found(locator(1)), ids(a, b)) })
	infos, err := a.Closest(t.Context(), []byte("key"))
	if err != nil || !slices.Equal(of(infos), ids(b)) {
		t.Errorf("closest holds more than the other server: %v, %v", infos, err)
	}
	info, err := b.FindPeer(t.Context(), c.host.ID())
	if err != nil || len(info.Addrs) == 0 {
		t.Errorf("find peer: %v, %v", info, err)
	}
}

func TestBigMesh(t *testing.T) {
	nodes := []*node{start(t, nil)}
	for len(nodes) < bigMesh {
		nodes = append(nodes, start(t, via(nodes[0], nodes[len(nodes)/2])))
	}
	until(t, "everybody knows ten others", func() bool {
		return !slices.ContainsFunc(nodes, func(n *node) bool { return n.Size() < 10 })
	})

	want := nearest(nodes, "key", nodes[7])
	until(t, "the twenty nearest are found", func() bool {
		infos, err := nodes[7].Closest(t.Context(), []byte("key"))
		return err == nil && slices.Equal(of(infos), want)
	})

	for i := range 10 {
		if err := nodes[i].Provide(t.Context(), locator(1)); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "ten hosts are found", func() bool { return slices.Equal(nodes[bigMesh-1].found(locator(1)), ids(nodes[:10]...)) })
}

// nearest returns the BucketSize nodes nearest to key, in their order.
func nearest(nodes []*node, key string, but *node) (list []peer.ID) {
	target := sha256.Sum256([]byte(key))
	distance := func(id peer.ID) []byte {
		d := sha256.Sum256([]byte(id))
		for i := range d {
			d[i] ^= target[i]
		}
		return d[:]
	}
	list = slices.DeleteFunc(ids(nodes...), func(id peer.ID) bool { return id == but.host.ID() })
	slices.SortFunc(list, func(a, b peer.ID) int { return bytes.Compare(distance(a), distance(b)) })
	return list[:kad.BucketSize]
}

func TestMeshesNeverMix(t *testing.T) {
	a := start(t, nil)
	b := start(t, via(a))
	other := start(t, func(cfg *kad.Config) { via(a, b)(cfg); cfg.Mesh = "other" })
	until(t, "both know each other", func() bool { return a.Size() == 1 && b.Size() == 1 })
	until(t, "other is connected", func() bool { return len(other.host.Network().Peers()) == 2 })
	if err := a.Provide(t.Context(), locator(1)); err != nil {
		t.Fatal(err)
	}
	until(t, "b finds a", func() bool { return slices.Equal(b.found(locator(1)), ids(a)) })
	if hosts := other.found(locator(1)); other.Size() != 0 || len(hosts) > 0 {
		t.Errorf("other mesh knows %d peers, finds %v", other.Size(), hosts)
	}
	if a.Size() != 1 || b.Size() != 1 {
		t.Errorf("sizes %d, %d", a.Size(), b.Size())
	}
}

func TestCancelledLookupsEnd(t *testing.T) {
	a := start(t, nil)
	b := start(t, via(a))
	until(t, "b knows a", func() bool { return b.Size() == 1 })
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := b.FindPeer(ctx, peer.ID("\x00\x01x")); err == nil {
		t.Error("find peer: no error")
	}
	for info := range b.Find(ctx, locator(1)) {
		t.Errorf("found %v", info)
	}
}
