package node

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
	ma "github.com/multiformats/go-multiaddr"
	manet "github.com/multiformats/go-multiaddr/net"

	"github.com/batchain/batchain/node/devices"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/wire"
)

// sayEvery is how often a node looks whether it has something new to say.
const sayEvery = 5 * time.Second

// saying tells the mesh how this node is, when that has changed.
type saying struct {
	node  *Node
	say   func(ctx context.Context, key string, value []byte) (uint64, error)
	news  <-chan struct{}
	room  room  // as it was said last
	offer offer // … also
}

// Run looks until ctx ends.
func (s *saying) Run(ctx context.Context) error {
	look := time.NewTicker(sayEvery)
	defer look.Stop()
	for {
		s.look(ctx)
		select {
		case <-ctx.Done():
			return nil
		case <-look.C:
		case <-s.news:
		}
	}
}

// look says what has changed. That others do not hear it is no reason to end
// a node.
func (s *saying) look(ctx context.Context) {
	s.tell(ctx, aboutKey, s.node.about())
	s.tell(ctx, devices.MarkKey, s.node.devices.Mark())
	if now := s.node.room(); s.room.differs(now) {
		s.room = now
		s.tell(ctx, roomKey, now)
	}
	if now := s.node.offer(ctx); s.offer.differs(now) {
		s.offer = now
		s.tell(ctx, workKey, now)
	}
}

func (s *saying) tell(ctx context.Context, key string, value any) {
	data, err := wire.Marshal(value)
	if err == nil {
		_, err = s.say(ctx, key, data)
	}
	if err != nil && ctx.Err() == nil {
		s.node.log.Warn("the mesh is not told", "key", key, "err", err)
	}
}

// about is what this node is.
func (n *Node) about() about {
	a := about{Version: vitalsVersion, Agent: short(userAgent(), maxAgent), Reach: reaches[n.reachability()]}
	if n.store != nil {
		a.Roles |= roleStorage
	}
	a.Roles |= n.relayRoles()
	for _, p := range n.host.Mux().Protocols() {
		if strings.HasPrefix(string(p), "/batchain/") && len(p) <= maxProtocol && len(a.Protocols) < maxProtocols {
			a.Protocols = append(a.Protocols, string(p))
		}
	}
	slices.Sort(a.Protocols)
	if n.labour.Volunteers() {
		a.Roles |= roleWork
	}
	addrs := n.host.Addrs()
	a.Network, a.Relays = networkOf(addrs), relaysOf(addrs)
	return a
}

// networkOf names the network of the first public address: its IPv4 /24 or
// IPv6 /48; "" when there is none.
func networkOf(addrs []ma.Multiaddr) string {
	for _, addr := range addrs {
		ip, err := manet.ToIP(addr)
		if err != nil || !manet.IsPublicAddr(addr) || isCircuit(addr) {
			continue
		}
		at, _ := netip.AddrFromSlice(ip)
		bits := 48
		if at = at.Unmap(); at.Is4() {
			bits = 24
		}
		if prefix, err := at.Prefix(bits); err == nil {
			return prefix.String()
		}
	}
	return ""
}

// relaysOf returns the peers through which addresses lead.
func relaysOf(addrs []ma.Multiaddr) []peer.ID {
	var relays []peer.ID
	for _, addr := range addrs {
		if !isCircuit(addr) {
			continue
		}
		text, err := addr.ValueForProtocol(ma.P_P2P)
		if err != nil {
			continue
		}
		if p, err := peer.Decode(text); err == nil && !slices.Contains(relays, p) && len(relays) < maxRelays {
			relays = append(relays, p)
		}
	}
	slices.Sort(relays)
	return relays
}

// room is what this node can take.
func (n *Node) room() room {
	r := room{Version: vitalsVersion}
	if n.store != nil {
		u := n.store.Usage()
		r.Free, r.Total = coarse(u.Free), u.Capacity
	}
	serves := exchange.ProtocolID(n.cfg.Mesh)
	for _, c := range n.host.Network().Conns() {
		for _, s := range c.GetStreams() {
			if s.Stat().Direction == network.DirInbound && s.Protocol() == serves {
				r.Load++
			}
		}
	}
	r.Load = coarse(r.Load)
	return r
}
