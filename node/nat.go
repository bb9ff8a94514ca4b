package node

import (
	"context"
	"slices"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/core/protocol"
	basichost "github.com/libp2p/go-libp2p/p2p/host/basic"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	ma "github.com/multiformats/go-multiaddr"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/node/broker"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/devices"
	"github.com/batchain/batchain/shard/transfer"
)

// openBroker makes what reaches peers that cannot be dialled. From here on the
// node's host is the broker's, so that whatever asks a peer reaches it; routing
// keeps the plain one, which wastes no time on peers that are hard to reach.
func (n *Node) openBroker(context.Context) (err error) {
	n.broker, err = broker.New(broker.Config{
		Host: n.host, Mesh: n.cfg.Mesh, FindPeer: n.finder.FindPeer, Mapping: n.ports.get, Relaying: n.relays.budget, Trace: n.traced,
		Quiet: []protocol.ID{gossip.ProtocolID(n.cfg.Mesh), devices.ProtocolID(n.cfg.Mesh)}, Heard: n.heard,
		Logger: n.log.With("part", "broker"), Registerer: n.registry,
	})
	if err != nil {
		return err
	}
	n.onClose(n.broker.Close)
	n.addPart("broker", n.broker.Run)
	n.plain, n.host = n.host, n.broker.Host()
	return nil
}

// heard is when gossip had a word of a peer's own.
func (n *Node) heard(p peer.ID) time.Time {
	if n.members == nil {
		return time.Time{}
	}
	member, _ := n.members.gossiper.Member(p)
	return member.Contact
}

// traced is told of every step towards a peer.
func (n *Node) traced(s broker.Step) {
	n.events.publish(Event{Type: s.Name, Peer: s.Peer.String(), Via: via(s), Err: s.Err})
}

// tracedPut is told of every step of a put with a host.
func (n *Node) tracedPut(t transfer.Trace) {
	n.events.publish(Event{Type: t.Step, Peer: t.Peer.String(), Size: int64(t.Bytes), Err: t.Err})
	n.log.Debug("step", "step", t.Step, "peer", t.Peer, "err", t.Err)
}

func via(s broker.Step) string {
	if s.Via == "" {
		return ""
	}
	return s.Via.String()
}

// pathTo describes a peer by how it is reached.
func (n *Node) pathTo(id peer.ID) control.Peer {
	path := n.broker.Path(id)
	p := control.Peer{PeerID: id.String(), State: "unknown", Path: "direct", How: path.How, Addr: path.Addr, Conns: len(n.host.Network().ConnsToPeer(id))}
	if path.How == broker.HowNone || path.How == broker.HowRelayed {
		p.Path = path.How
	}
	if path.Via != "" {
		p.Via = path.Via.String()
	}
	for _, s := range path.Tried {
		p.Tried = append(p.Tried, control.Tried{Step: s.Name, Via: via(s), Seconds: s.Took.Seconds(), Err: s.Err})
	}
	return p
}

// reach tells what is known of how others reach this node, nil where nobody is to.
func (n *Node) reach() *control.Reach {
	if n.cfg.Client || loopbackOnly(n.cfg.Listen) {
		return nil
	}
	r := &control.Reach{NAT: n.broker.NAT(), Seen: texts(n.broker.Seen())}
	for _, addr := range n.host.Network().ListenAddresses() {
		if mapped := n.ports.get(addr); mapped != nil {
			r.Mapped = append(r.Mapped, mapped.String())
		}
	}
	if confirmed, ok := n.plain.(interface {
		ConfirmedAddrs() (a, b, c []ma.Multiaddr)
	}); ok {
		reachable, unreachable, _ := confirmed.ConfirmedAddrs()
		r.Reachable, r.Unreachable = texts(reachable), texts(unreachable)
	}
	r.Relays = texts(slices.DeleteFunc(n.host.Addrs(), func(a ma.Multiaddr) bool { return !isCircuit(a) }))
	r.Relay = slices.Contains(n.host.Mux().Protocols(), proto.ProtoIDv2Hop)
	return r
}

func texts(addrs []ma.Multiaddr) []string {
	list := make([]string, len(addrs))
	for i, addr := range addrs {
		list[i] = addr.String()
	}
	return list
}

// portMapper asks the gate for port mappings (UPnP, NAT-PMP, PCP) and tells them
// as soon as they are there; the host itself looks every 5 s.
type portMapper struct {
	manager atomic.Pointer[basichost.NATManager]
}

// start is libp2p's way of making one.
func (m *portMapper) start(net network.Network) basichost.NATManager {
	manager := basichost.NewNATManager(net)
	m.manager.Store(&manager)
	return manager
}

// get returns the outside address that leads to an address that is listened at,
// nil if none does.
func (m *portMapper) get(listen ma.Multiaddr) ma.Multiaddr {
	if manager := m.manager.Load(); manager != nil {
		return (*manager).GetMapping(listen)
	}
	return nil
}
