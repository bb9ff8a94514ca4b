package participant

import (
	"fmt"

	"github.com/hashicorp/memberlist"

	"github.com/batchain/batchain/demo/bench/gossip/live"
	"github.com/batchain/batchain/demo/bench/gossip/world"
)

// liveMemberlist is a node on memberlist's own transport, UDP and TCP.
func liveMemberlist(n *world.Node, at live.Place) (world.Member, error) {
	c := memberlist.DefaultLANConfig()
	c.BindAddr, c.BindPort, c.AdvertisePort = "127.0.0.1", at.Ports[n.Index], at.Ports[n.Index]
	return runMemberlist(n, c, func(node int) string { return fmt.Sprintf("127.0.0.1:%d", at.Ports[node]) })
}
