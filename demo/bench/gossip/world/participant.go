package world

import (
	"errors"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
)

// Participant is one implementation that takes part in the comparison. Adding
// one to the comparison is writing a file that returns a Participant, and a line
// in the table of package participant.
type Participant struct {
	// Start begins one life of a node, and does not wait for it to have joined.
	Start func(n *Node) (Member, error)
	// Attack plays a probe of the hostile suite, by whatever means an attacker
	// who speaks the participant's protocol has. ErrNoSuchThing says that the
	// probe means nothing to this participant.
	Attack func(a Attack) error
}

// Member is one running node.
type Member interface {
	// Set makes value the newest of the node's own key. It must not block.
	Set(key, value string)
	// Leave says goodbye to the others, and returns within 5 s. ErrNoSuchThing:
	// the participant cannot.
	Leave() error
	// Stop ends the node and waits for all its goroutines. Its place on the
	// network is gone already, so that nobody is told.
	Stop()
	// Known returns how many peers the node keeps a record of, whatever it
	// thinks of them.
	Known() int
}

// ErrNoSuchThing is returned for what a participant does not have.
var ErrNoSuchThing = errors.New("no such thing here")

// Attack is one probe of the hostile suite.
type Attack struct {
	Probe      string
	Fabric     *fabric.Fabric
	Nodes      int    // the honest nodes are 0 to Nodes-1, and all of them live
	Self       int    // the attacker's own place on the network, free to attach to
	Victim     int    // whom it concerns
	Key, Value string // what to forge, where the probe forges
	Count      int    // how many peers to invent, where it floods
	// Set makes the victim itself set a value, through its own interface.
	Set func(key, value string)
}
