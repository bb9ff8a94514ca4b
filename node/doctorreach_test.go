package node_test

import (
	"strings"
	"testing"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
)

// Doctor says what is known of how others reach the node, and no more.
func TestExamineReach(t *testing.T) {
	const (
		seen, other  = "/ip4/11.2.0.2/udp/4170/quic-v1", "/ip4/11.2.0.2/udp/9/quic-v1"
		map1, inside = "/ip4/11.2.0.2/tcp/22453", "/ip4/100.64.0.2/tcp/22453"
		near         = "/ip4/192.168.1.10/udp/4170/quic-v1"
		id           = "12D3KooWLsnh5R8b3jG4FNWiskKVVgoEeKYdgkwkcJvRNiFodyvg"
	)
	circuits := []string{
		"/ip4/11.3.0.2/tcp/4170/p2p/one/p2p-circuit", "/ip6/2a00::2/udp/4170/quic-v1/p2p/one/p2p-circuit",
		"/ip4/11.4.0.2/tcp/4170/p2p/two/p2p-circuit",
	}
	for _, c := range []struct {
		reach control.Reach
		said  string // reachability
		ok    bool
		want  string
	}{
		{control.Reach{Reachable: []string{seen}}, "public", true, "anybody can dial"},
		{control.Reach{}, "unknown", true, "not known yet"},
		{control.Reach{NAT: "none", Seen: []string{seen}}, "unknown", true, "no NAT"},
		{control.Reach{NAT: "none", Seen: []string{seen}}, "private", false, "firewall"},
		{control.Reach{NAT: "none", Seen: []string{near}}, "private", true, "own network"},
		{control.Reach{NAT: "keeps", Seen: []string{seen, seen}, Mapped: []string{map1}}, "private", true, "maps a port"},
		{control.Reach{Mapped: []string{map1}}, "private", true, "maps a port"},
		{control.Reach{Mapped: []string{map1}, Unreachable: []string{map1}}, "private", false, "nobody could be asked over UDP"},
		{control.Reach{NAT: "keeps", Seen: []string{seen, seen}, Mapped: []string{seen, map1}, Unreachable: []string{map1}}, "private", true, "keeps ports"},
		{control.Reach{NAT: "keeps", Seen: []string{near, near}, Mapped: []string{map1}}, "private", true, "maps a port"},
		{control.Reach{NAT: "keeps", Seen: []string{seen, seen}, Mapped: []string{inside}}, "private", true, "keeps ports"},
		{control.Reach{NAT: "random", Seen: []string{other, "/ip4/11.2.0.2/udp/10/quic-v1"}, Mapped: []string{inside}}, "private", false, "another port for each peer"},
		{control.Reach{NAT: "random", Seen: []string{other, "/ip4/11.2.0.2/udp/10/quic-v1"}, Mapped: []string{"/ip4/11.9.0.2/tcp/1"}}, "private", false, "another port for each peer"},
		{control.Reach{Seen: []string{seen}}, "private", false, "too few peers"},
		{control.Reach{NAT: "keeps", Seen: []string{seen, seen}, Relays: circuits}, "private", true, "or over 2 relays"},
		{control.Reach{NAT: "keeps", Seen: []string{seen, seen}, Relays: circuits[:2]}, "private", true, "or over 1 relay"},
		{control.Reach{}, "private", false, "nobody could be asked over UDP"},
		{control.Reach{NAT: "random", Seen: []string{other, seen, other}}, "private", false, "another machine behind it"},
		{control.Reach{NAT: "random", Seen: []string{seen, "/ip4/11.2.0.3/udp/4170/quic-v1"}}, "private", false, "another port for each peer"},
		{control.Reach{NAT: "random", Seen: []string{other, "/ip4/11.2.0.2/udp/10/quic-v1"}}, "private", false, "another port for each peer"},
	} {
		own := []string{near + "/p2p/" + id, "/ip4/192.168.1.10/tcp/9/p2p/" + id, other + "/p2p/" + id}
		f := node.ExamineStatus(control.Status{Reachability: c.said, Peers: 1, Reach: &c.reach, Addrs: own})[0]
		if f.OK != c.ok || !strings.Contains(f.Text, c.want) || !f.OK && f.Hint == "" {
			t.Errorf("%+v, %s: %+v", c.reach, c.said, f)
		}
	}
}
