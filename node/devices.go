package node

import (
	"context"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/node/devices"
	"github.com/batchain/batchain/wire"
)

// openDevices makes what keeps the list of files equal on the owner's machines.
// A node for one command changes the list at home; the next one that runs there
// tells the others.
func (n *Node) openDevices(context.Context) error {
	if n.cfg.Client {
		return nil
	}
	n.devices = devices.New(devices.Config{
		Host: n.host, Mesh: n.cfg.Mesh, Key: n.seed.DevicesKey(n.cfg.Mesh), Path: n.home.devices(), List: n.catalogue,
		Drop: n.engine.Dropped, Members: n.members.marks, Logger: n.log.With("part", "devices"),
	})
	n.addPart("devices", n.whenServing(n.devices.Run))
	return nil
}

// marks are the members that live, with what they say of whose device they are.
func (m *membership) marks() []devices.Member {
	var all []devices.Member
	for _, other := range m.gossiper.Members() {
		var mark []byte
		if value, says := other.Values[devices.MarkKey]; says && !other.Self && other.State.Alive() && wire.Unmarshal(value.Data, &mark) == nil {
			all = append(all, devices.Member{Peer: other.Peer, Mark: mark})
		}
	}
	return all
}

// isDevice reports whether a peer is a machine of the owner's, as far as is known:
// gossip watches those in the largest mesh.
func (n *Node) isDevice(p peer.ID) bool { return n.devices != nil && n.devices.Met(p) }

func (n *Node) lookForDevices() {
	if n.devices != nil {
		n.devices.Look()
	}
}

// listChanged is called when the owner's list of files has changed here.
func (n *Node) listChanged() {
	if n.devices != nil {
		n.devices.Changed()
	}
}

// devicesSeen counts the owner's other machines.
func (n *Node) devicesSeen() int {
	if n.devices == nil {
		return 0
	}
	return n.devices.Seen()
}
