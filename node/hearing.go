package node

import (
	"encoding/json"

	"github.com/batchain/batchain/gossip"
)

// What the types of events about members begin with; the kind of gossip's
// event follows: new, live, suspect, dead, left, restarted, forgotten, update,
// and alone of this node itself.
const eventMember = "member_"

// eventSaid is the type of the most frequent of them.
var eventSaid = eventMember + gossip.KindUpdate.String()

// hear takes in what gossip tells.
func (m *membership) hear(e gossip.Event) {
	switch e.Kind {
	case gossip.KindUnknownPeer, gossip.KindError:
		return // counted, and of no use to anybody
	case gossip.KindNew:
		m.meet(e.Peer)
	case gossip.KindForgotten:
		m.forget(e.Peer)
	case gossip.KindLive:
		m.cache.returned(e.Peer)
		m.returned(e.Peer)
		m.offered()
	case gossip.KindUpdate:
		if e.Key == workKey {
			m.offered()
		}
	}
	m.heard()
	m.events.publish(Event{
		Type: eventMember + e.Kind.String(), Peer: e.Peer.String(), Key: e.Key, Value: readable(e), Deleted: e.Deleted, Missed: e.Dropped,
	})
}

// readable is the value of an update as JSON, where it is one of this node's
// kind.
func readable(e gossip.Event) json.RawMessage {
	if e.Kind != gossip.KindUpdate || e.Deleted {
		return nil
	}
	var value any
	var err error
	switch e.Key {
	case aboutKey:
		value, err = parseAbout(e.Value)
	case roomKey:
		value, err = parseRoom(e.Value)
	case workKey:
		value, err = parseOffer(e.Value)
	default:
		return nil
	}
	if err != nil {
		return nil
	}
	text, err := json.Marshal(value)
	if err != nil {
		return nil
	}
	return text
}
