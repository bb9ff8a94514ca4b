package gossip

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
)

// State is what is thought of a member. Append only.
type State uint8

// The states of a member.
const (
	Unknown State = 1 // heard of; no heartbeat has come since
	Live    State = 2 // its heartbeats come
	Suspect State = 3 // they stay away; it is being probed
	Dead    State = 4 // they stay away, and nobody got an answer to a probe
	Left    State = 5 // it said that it leaves
)

// String returns the name in lower case.
func (s State) String() string {
	if s < Unknown || s > Left {
		return "none"
	}
	return [...]string{"unknown", "live", "suspect", "dead", "left"}[s-1]
}

// Alive reports whether the member is to be counted on: it is live, or only
// suspected.
func (s State) Alive() bool { return s == Live || s == Suspect }

// Value is what a member says under one key.
type Value struct {
	Data    []byte // not to be changed
	Version uint64 // of the owner's state; grows with every change of any key
}

// Member is what is known of a member at one moment. It is a copy.
type Member struct {
	Peer        peer.ID
	Self        bool
	State       State
	Incarnation uint64        // of the member's life: grows with every start
	Heartbeat   uint64        // the latest one, counted from the start of the life
	Phi         float64       // suspicion of silence, at most 300; 0 of the own node
	Age         time.Duration // since the last new heartbeat; since it was heard of when there was none
	Contact     time.Time     // when a message came from it directly; zero: never
	Equivocates bool          // it has signed two different things as one: believe it nothing
	Values      map[string]Value
}
