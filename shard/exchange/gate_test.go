package exchange

import (
	"errors"
	"fmt"
	"net/netip"
	"testing"

	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/wire"
)

func TestGate(t *testing.T) {
	lan, other := netip.MustParsePrefix("10.0.0.0/24"), netip.MustParsePrefix("10.0.1.0/24")
	g := gate{total: 6, perPeer: 2, perPrefix: 3, peerBytes: 100}
	enter := func(p peer.ID, from netip.Prefix, bytes int64, want error) {
		t.Helper()
		if err := g.enter(p, from, bytes); !errors.Is(err, want) {
			t.Errorf("%s from %v with %d: %v, want %v", p, from, bytes, err, want)
		}
	}
	enter("a", lan, 1000, nil) // alone it may be of any length
	enter("a", lan, 1, wire.ErrBusy)
	g.leave("a", lan, 1000)
	enter("a", lan, 60, nil)
	enter("a", lan, 50, wire.ErrBusy) // bytes
	enter("a", lan, 40, nil)
	enter("a", lan, 0, wire.ErrBusy) // count
	enter("b", lan, 1, nil)
	enter("c", lan, 1, wire.ErrBusy) // prefix
	enter("c", other, 1, nil)
	enter("d", netip.Prefix{}, 1, nil)
	enter("e", netip.Prefix{}, 1, nil)
	enter("f", other, 1, wire.ErrBusy) // total
	for _, out := range []struct {
		p     peer.ID
		from  netip.Prefix
		bytes int64
	}{{"a", lan, 60}, {"a", lan, 40}, {"b", lan, 1}, {"c", other, 1}, {"d", netip.Prefix{}, 1}, {"e", netip.Prefix{}, 1}} {
		g.leave(out.p, out.from, out.bytes)
	}
	if g.inside != 0 || len(g.peers) != 0 || len(g.prefixes) != 0 {
		t.Errorf("left behind: %d, %v, %v", g.inside, g.peers, g.prefixes)
	}
}

// However many peers one network invents, it gets one network's places.
func TestGateOfManyPeers(t *testing.T) {
	g := Limits{}.withDefaults().transfers()
	in := 0
	for i := range 1000 {
		if g.enter(peer.ID(fmt.Sprint(i)), netip.MustParsePrefix("203.0.113.0/24"), 1) == nil {
			in++
		}
	}
	if in != 64 {
		t.Errorf("%d transfers of one network got in, want 64", in)
	}
	if err := g.enter("z", netip.MustParsePrefix("2001:db8::/48"), 1); err != nil {
		t.Errorf("another network: %v", err)
	}
}

func TestPrefixOf(t *testing.T) {
	for addr, want := range map[string]string{
		"/ip4/203.0.113.9/tcp/4170":                  "203.0.113.0/24",
		"/ip4/192.168.1.7/udp/4170/quic-v1":          "192.168.1.0/24",
		"/ip6/2001:db8:1:2::3/tcp/4170":              "2001:db8:1::/48",
		"/ip6/::ffff:203.0.113.9/tcp/4170":           "203.0.113.0/24",
		"/ip6zone/eth0/ip6/fe80::1/tcp/4170":         "fe80::/48",
		"/ip4/203.0.113.9/tcp/4170/p2p-circuit":      "203.0.113.0/24",
		"/ip4/127.0.0.1/tcp/4170":                    "invalid Prefix",
		"/ip6/::1/tcp/4170":                          "invalid Prefix",
		"/dns4/example.org/tcp/4170":                 "invalid Prefix",
		"/unix/tmp":                                  "invalid Prefix",
		"/ip6/::ffff:127.0.0.1/tcp/4170/p2p-circuit": "invalid Prefix",
	} {
		a, err := ma.NewMultiaddr(addr)
		if err != nil {
			t.Fatal(err)
		}
		if got := prefixOf(a).String(); got != want {
			t.Errorf("%s counts for %s, want %s", addr, got, want)
		}
	}
}
