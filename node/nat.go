package node

import (
	"context"

	"github.com/batchain/batchain/node/broker"
)

// openBroker makes what reaches peers that cannot be dialled. From here on the
// node's host is the broker's, so that whatever asks a peer reaches it; routing
// keeps the plain one, which wastes no time on peers that are hard to reach.
func (n *Node) openBroker(context.Context) (err error) {
	n.broker, err = broker.New(broker.Config{
		Host: n.host, Mesh: n.cfg.Mesh, FindPeer: n.finder.FindPeer, Trace: n.traced,
		Logger: n.log.With("part", "broker"), Registerer: n.registry,
	})
	if err != nil {
		return err
	}
	n.onClose(n.broker.Close)
	n.addPart("broker", n.broker.Run)
	n.host = n.broker.Host()
	return nil
}

// traced is told of every step towards a peer.
func (n *Node) traced(s broker.Step) {
	n.events.publish(Event{Type: s.Name, Peer: s.Peer.String(), Via: via(s), Err: s.Err})
}

func via(s broker.Step) string {
	if s.Via == "" {
		return ""
	}
	return s.Via.String()
}
