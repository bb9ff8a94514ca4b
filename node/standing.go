package node

import (
	"math/rand/v2"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
	"github.com/batchain/batchain/shard/transfer"
)

var _ transfer.Members = (*membership)(nil)

// Standing tells what gossip knows of a peer; see [transfer.Members].
func (m *membership) Standing(p peer.ID) transfer.Standing {
	s := transfer.Standing{Free: -1}
	other, ok := m.gossiper.Member(p)
	if !ok {
		return s
	}
	s.Life = lifeOf(other.State)
	if other.Equivocates {
		return s // what it says is worth nothing
	}
	if r, err := parseRoom(other.Values[roomKey].Data); err == nil {
		s.Free, s.Load = r.Free, r.Load
	}
	if a, err := parseAbout(other.Values[aboutKey].Data); err == nil {
		s.Network = a.Network
	}
	return s
}

func lifeOf(s gossip.State) transfer.Life {
	switch s {
	case gossip.Live:
		return transfer.Alive
	case gossip.Suspect:
		return transfer.Doubtful
	case gossip.Dead, gossip.Left:
		return transfer.Gone
	}
	return transfer.Unheard
}

// hosts are the members that live and keep shards, in no order.
func (m *membership) hosts() []peer.AddrInfo { return m.with(roleStorage) }

// with are the members that live and have all of these roles, in no order.
func (m *membership) with(all roles) []peer.AddrInfo {
	var infos []peer.AddrInfo
	for _, other := range m.gossiper.Members() {
		if other.Self || other.State != gossip.Live || other.Equivocates {
			continue
		}
		if a, err := parseAbout(other.Values[aboutKey].Data); err == nil && a.Roles&all == all {
			infos = append(infos, m.host.Peerstore().PeerInfo(other.Peer))
		}
	}
	rand.Shuffle(len(infos), func(i, j int) { infos[i], infos[j] = infos[j], infos[i] })
	return infos
}
