package world

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
	"github.com/batchain/batchain/demo/bench/gossip/journal"
)

// Node is what one life of a node is given: its place, and whom to tell. The
// methods that tell may be called from any goroutine and do not block.
type Node struct {
	Index   int
	Seed    uint64 // of the node's dice
	Nodes   int    // how many nodes there are in all
	Fabric  *fabric.Fabric
	Through []int          // the nodes to join through; none at node 0
	Disk    map[string]any // what outlives a crash; empty at first, and when the disk is fresh

	tell teller
	over atomic.Bool
}

// teller takes down what nodes tell.
type teller interface {
	believe(node, peer int, live bool)
	see(node, peer int, key, value string)
}

// NewLiveNode returns a node that runs in real time and in no world. What it
// tells goes to a journal.
func NewLiveNode(index, nodes int, through []int, to *journal.Writer) *Node {
	return &Node{Index: index, Nodes: nodes, Through: through, Seed: rand.Uint64(), Disk: map[string]any{}, tell: journalTeller{to}}
}

type journalTeller struct{ to *journal.Writer }

func (t journalTeller) believe(node, peer int, live bool) {
	kind := journal.Dead
	if live {
		kind = journal.Live
	}
	t.to.Write(journal.Event{Kind: kind, Node: node, Peer: peer})
}

func (t journalTeller) see(node, peer int, key, value string) {
	t.to.Write(journal.Event{Kind: journal.Value, Node: node, Peer: peer, Key: key, Value: value})
}

// Live tells that the node takes peer for live from now on. A peer that nobody
// runs is told as any number at or above Nodes.
func (n *Node) Live(peer int) { n.believe(peer, true) }

// Dead tells that the node takes peer for dead or gone from now on.
func (n *Node) Dead(peer int) { n.believe(peer, false) }

func (n *Node) believe(peer int, live bool) {
	if !n.over.Load() && peer != n.Index {
		n.tell.believe(n.Index, peer, live)
	}
}

// Value tells that the node has seen a value of peer's.
func (n *Node) Value(peer int, key, value string) {
	if !n.over.Load() && peer != n.Index {
		n.tell.see(n.Index, peer, key, value)
	}
}
