package node

// MetricsAddr is the TCP address that serves /metrics.
func (n *Node) MetricsAddr() string { return n.metrics.listener.Addr().String() }
