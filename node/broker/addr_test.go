package broker

import (
	"testing"

	ma "github.com/multiformats/go-multiaddr"
)

func TestDialable(t *testing.T) {
	for text, want := range map[string]bool{
		"/ip4/11.1.0.2/tcp/4170":                                        true,
		"/ip4/11.1.0.2/udp/4170/quic-v1":                                true,
		"/ip6/2001:db8::1/udp/4170/quic-v1":                             true,
		"/ip4/192.168.1.10/tcp/4170":                                    true,
		"/ip4/0.0.0.0/tcp/4170":                                         false,
		"/ip4/224.0.0.1/udp/4170/quic-v1":                               false,
		"/ip4/11.1.0.2/tcp/0":                                           false,
		"/ip4/11.1.0.2/udp/4170":                                        false,
		"/ip4/11.1.0.2":                                                 false,
		"/ip4/11.1.0.2/tcp/80/ws":                                       false,
		"/ip4/11.1.0.2/udp/4170/quic-v1/webtransport":                   false,
		"/dns4/example.com/tcp/4170":                                    false,
		"/ip4/11.1.0.2/tcp/1/p2p/" + somebody.String():                  false,
		"/p2p/" + somebody.String() + "/p2p-circuit":                    false,
		"/ip4/11.1.0.2/tcp/1/p2p/" + somebody.String() + "/p2p-circuit": false,
	} {
		if got := dialable(addrs(t, text)[0]); got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
	}
	if dialable(nil) {
		t.Error("no address can be dialled")
	}
}

// QUIC comes first, since it is what passes NATs, and TCP is not crowded out.
func TestBestAddresses(t *testing.T) {
	const q1, q2, q3 = "/ip4/11.1.0.2/udp/1/quic-v1", "/ip4/11.1.0.2/udp/2/quic-v1", "/ip4/11.1.0.2/udp/3/quic-v1"
	const t1, t2 = "/ip4/11.1.0.2/tcp/1", "/ip4/11.1.0.2/tcp/2"
	for _, c := range []struct{ in, want []string }{
		{nil, nil},
		{[]string{t1}, []string{t1}},
		{[]string{t1, q1, q2, q3, t2}, []string{q1, t1, q2, t2}},
		{[]string{q1, q2, q3, t1}, []string{q1, t1, q2, q3}},
		{[]string{q1, q1, t1, q1}, []string{q1, t1}},
	} {
		got := best(addrs(t, c.in...), maxPassed)
		want := addrs(t, c.want...)
		if len(got) != len(want) {
			t.Errorf("%v: %v, want %v", c.in, got, want)
			continue
		}
		for i := range got {
			if !got[i].Equal(want[i]) {
				t.Errorf("%v: %v, want %v", c.in, got, want)
			}
		}
	}
}

func TestRelayIn(t *testing.T) {
	relay := "/ip4/11.1.0.2/tcp/1/p2p/" + somebody.String()
	for text, want := range map[string]bool{relay + "/p2p-circuit": true, relay: false, "/p2p-circuit": false} {
		id, ok := relayIn(ma.StringCast(text))
		if ok != want || ok && id != somebody {
			t.Errorf("%s: %v %v", text, id, ok)
		}
	}
}
