package participant

import (
	"fmt"

	"github.com/libp2p/go-libp2p"
	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peerstore"
	"github.com/libp2p/go-libp2p/p2p/transport/tcp"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/demo/bench/gossip/live"
	"github.com/batchain/batchain/demo/bench/gossip/world"
	"github.com/batchain/batchain/gossip"
)

// liveOurs is a node on a libp2p host that listens on TCP, and on loopback only.
func liveOurs(n *world.Node, at live.Place) (world.Member, error) {
	key, err := crypto.UnmarshalEd25519PrivateKey(oursKey(n.Index))
	if err != nil {
		return nil, err
	}
	h, err := libp2p.New(
		libp2p.Identity(key), libp2p.ListenAddrs(oursAddr(at.Ports[n.Index])), libp2p.Transport(tcp.NewTCPTransport),
		libp2p.DisableRelay(), libp2p.ForceReachabilityPrivate())
	if err != nil {
		return nil, err
	}
	for _, seed := range n.Through {
		h.Peerstore().AddAddr(oursID(seed), oursAddr(at.Ports[seed]), peerstore.PermanentAddrTTL)
	}
	m, err := runOurs(n, gossip.NewLibp2p(h, oursMesh))
	if err != nil {
		return nil, err
	}
	return liveOursMember{m, h}, nil
}

type liveOursMember struct {
	*oursMember
	host host.Host
}

func (m liveOursMember) Stop() {
	m.oursMember.Stop()
	_ = m.host.Close()
}

func oursAddr(port int) ma.Multiaddr {
	return ma.StringCast(fmt.Sprintf("/ip4/127.0.0.1/tcp/%d", port))
}
