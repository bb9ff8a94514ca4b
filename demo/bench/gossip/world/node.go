package world

import (
	"sync/atomic"

	"github.com/batchain/batchain/demo/bench/gossip/fabric"
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

	world *world
	over  atomic.Bool
}

// Live tells that the node takes peer for live from now on. A peer that nobody
// runs is told as any number at or above Nodes.
func (n *Node) Live(peer int) { n.believe(peer, true) }

// Dead tells that the node takes peer for dead or gone from now on.
func (n *Node) Dead(peer int) { n.believe(peer, false) }

func (n *Node) believe(peer int, live bool) {
	if !n.over.Load() && peer != n.Index {
		n.world.believe(n.Index, peer, live)
	}
}

// Value tells that the node has seen a value of peer's.
func (n *Node) Value(peer int, key, value string) {
	if !n.over.Load() && peer != n.Index {
		n.world.see(n.Index, peer, key, value)
	}
}
