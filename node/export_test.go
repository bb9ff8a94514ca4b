package node

import "github.com/libp2p/go-libp2p/core/peer"

// MetricsAddr is the TCP address that serves /metrics.
func (n *Node) MetricsAddr() string { return n.metrics.listener.Addr().String() }

// ReliesOn reports whether gossip watches a peer because files rely on it.
func (n *Node) ReliesOn(p peer.ID) bool { return n.relied.has(p) }
