package broker

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/protocol/ping"
	ma "github.com/multiformats/go-multiaddr"
)

// What a broker cannot have seen is not dialled.
func TestPlausible(t *testing.T) {
	const (
		far     = "/ip4/11.1.0.2/udp/4170/quic-v1"
		far6    = "/ip6/2600::1/tcp/4170"
		near    = "/ip4/192.168.1.1/tcp/4170"
		carrier = "/ip4/100.64.0.2/tcp/4170"
		machine = "/ip4/127.0.0.1/tcp/4170"
		other   = "/ip4/11.1.0.2/tcp/443"
		known   = "/ip4/11.1.0.2/tcp/80"
	)
	m := join(t, true)
	m.Peerstore().AddAddrs(somebody, addrs(t, known), peerstore.TempAddrTTL)
	named := []string{far, far6, near, carrier, machine, other, known}
	for via, want := range map[string][]string{
		"/ip4/11.2.0.2/tcp/1":    {far, far6, known},
		"/ip6/2600::2/tcp/1":     {far, far6, known},
		"/ip4/192.168.1.7/tcp/1": {far, far6, near, carrier, known},
		"/ip4/127.0.0.1/tcp/1":   {far, far6, near, carrier, machine, known},
	} {
		b := &Broker{host: m.Host, network: connected{m.network, at(addrs(t, via)[0])}}
		var got []string
		for _, name := range named { // one by one: they are more than an introduction has
			for _, addr := range b.plausible("via", somebody, addrs(t, name)) {
				got = append(got, addr.String())
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("told by %s: %v, want %v", via, got, want)
		}
	}
	b := &Broker{host: m.Host, network: connected{m.network, at(addrs(t, "/ip4/11.2.0.2/tcp/1")[0])}}
	if got := b.plausible("via", somebody, addrs(t, far, far, far, far, far, far)); len(got) > maxPassed {
		t.Errorf("%d addresses are dialled", len(got))
	}
}

// No IP is dialled often because brokers say so, however many they are.
func TestBearable(t *testing.T) {
	b := &Broker{dialled: allowance{perKey: dialsPerIP}}
	dials := 0
	for port := range 10 * dialsPerIP {
		some := addrs(t, fmt.Sprint("/ip4/11.1.0.2/tcp/", 2000+port), fmt.Sprintf("/ip4/11.1.0.2/udp/%d/quic-v1", 2000+port))
		dials += len(b.bearable(some))
	}
	if dials != 2*dialsPerIP {
		t.Errorf("%d dials in a minute, want %d", dials, 2*dialsPerIP)
	}
}

// A broker that says that a peer asks for a connection does not end the one there
// is, as long as it lives.
func TestForsaken(t *testing.T) {
	target := join(t, false)
	asker := join(t, false, target)
	until(t, "they are connected", func() bool { return len(target.direct(asker.ID())) == 1 })
	target.forsake(t.Context(), asker.ID(), 0)
	if len(target.direct(asker.ID())) != 1 {
		t.Error("a connection that lives is closed")
	}
	asker.SetStreamHandler(ping.ID, func(s network.Stream) { _, _ = s.Read(make([]byte, 64)) })
	began := time.Now()
	target.forsake(t.Context(), asker.ID(), 0)
	if len(target.direct(asker.ID())) != 0 {
		t.Error("a connection that is silent is kept")
	}
	if took := time.Since(began); took > meetTime-forsakeTime/2 {
		t.Errorf("it took %s, and leaves no time to dial", took)
	}
}

// Peer ids are free and addresses are not: what counts by network counts all of
// a household's as one.
func TestNetworkOf(t *testing.T) {
	for text, want := range map[string]string{
		"/ip4/11.1.0.2/tcp/1":                "11.1.0.2/32",
		"/ip4/11.1.0.2/udp/2/quic-v1":        "11.1.0.2/32",
		"/ip6/2600:1:2:304::1/tcp/1":         "2600:1:2:300::/56",
		"/ip6/2600:1:2:3ff:5::/tcp/1":        "2600:1:2:300::/56",
		"/p2p/" + somebody.String():          "invalid Prefix",
		"/ip4/11.1.0.3/tcp/1/p2p-circuit":    "11.1.0.3/32",
		"/ip6/::ffff:11.1.0.2/udp/1/quic-v1": "11.1.0.2/32",
	} {
		if got := networkOf(addrs(t, text)[0]); got != want {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
}

// connected is a network with one connection to everybody.
type connected struct {
	dialer
	conn network.Conn
}

func (c connected) ConnsToPeer(peer.ID) []network.Conn { return []network.Conn{c.conn} }

// far is a connection of which only the other end is looked at.
type far struct {
	network.Conn
	addr ma.Multiaddr
}

func at(addr ma.Multiaddr) network.Conn { return far{addr: addr} }

func (f far) RemoteMultiaddr() ma.Multiaddr { return f.addr }
func (f far) LocalMultiaddr() ma.Multiaddr  { return f.addr }
func (f far) IsClosed() bool                { return false }
func (f far) Stat() network.ConnStats       { return network.ConnStats{} }
