package node

import (
	"testing"
	"time"

	ma "github.com/multiformats/go-multiaddr"
)

func TestRankPrefersTCP(t *testing.T) {
	const relay = "/p2p/12D3KooWEZ5ivpGmYLnqAHeJM5Zz4cMxVpiThiYkkDLwpqeKyuZN/p2p-circuit"
	for _, c := range []struct {
		addrs []string
		want  []time.Duration
	}{
		{[]string{"/ip4/10.0.0.1/udp/4170/quic-v1", "/ip4/10.0.0.1/tcp/4170"}, []time.Duration{quicDelay, 0}},
		{[]string{"/ip4/10.0.0.1/tcp/80/ws", "/ip4/10.0.0.1/tcp/4170"}, []time.Duration{otherDelay, 0}},
		{[]string{"/ip4/10.0.0.1/udp/4170/quic-v1"}, []time.Duration{0}},
		{[]string{"/ip4/10.0.0.1/tcp/4170" + relay, "/ip4/10.0.0.2/udp/1/quic-v1"}, []time.Duration{relayDelay - quicDelay, 0}},
		{[]string{"/ip4/10.0.0.1/tcp/4170" + relay}, []time.Duration{0}},
		{nil, nil},
	} {
		var addrs []ma.Multiaddr
		for _, text := range c.addrs {
			addrs = append(addrs, ma.StringCast(text))
		}
		got := rankAddrs(addrs)
		if len(got) != len(c.want) {
			t.Fatalf("%v: %v", c.addrs, got)
		}
		for i, r := range got {
			if r.Delay != c.want[i] || !r.Addr.Equal(addrs[i]) {
				t.Errorf("%s waits %s, want %s", r.Addr, r.Delay, c.want[i])
			}
		}
	}
}

func TestLoopbackStaysOnTheMachine(t *testing.T) {
	for _, c := range []struct {
		cfg  Config
		want bool // the local network is searched
	}{
		{Config{Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip6/::1/udp/0/quic-v1"}}, false},
		{Config{Listen: []string{"/ip4/127.0.0.1/tcp/0", "/ip4/0.0.0.0/tcp/0"}}, true},
		{Config{Listen: []string{"/ip4/0.0.0.0/tcp/0"}, NoMDNS: true}, false},
		{Config{Listen: []string{"/ip4/0.0.0.0/tcp/0"}, Client: true}, false},
		{Config{}, true},
	} {
		c.cfg.Home = t.TempDir()
		cfg, err := c.cfg.withDefaults()
		if err != nil {
			t.Fatal(err)
		}
		if got := usesMDNS(cfg); got != c.want {
			t.Errorf("%+v: mDNS %v", c.cfg, got)
		}
	}
}
