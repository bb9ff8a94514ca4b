package broker

import (
	"cmp"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
)

// When connections that are left over are closed.
const (
	pruneEvery = 5 * time.Second
	pruneAge   = 10 * time.Second // a connection is left alone for so long
)

// prune closes idle connections, of that age at least, to peers that are reached
// by a better one.
func (b *Broker) prune(age time.Duration) {
	for _, p := range b.network.Peers() {
		conns := b.network.ConnsToPeer(p)
		if len(conns) < 2 {
			continue
		}
		slices.SortStableFunc(conns, func(x, y network.Conn) int { return cmp.Compare(b.worth(y), b.worth(x)) })
		for _, c := range conns[1:] {
			if time.Since(c.Stat().Opened) > age && len(c.GetStreams()) == 0 {
				_ = c.Close()
				b.metrics.pruned.Inc()
			}
		}
	}
}

// worth orders connections to a peer so that both ends agree which is the best:
// direct before relayed, TCP, whose bytes cost less, before QUIC, then the one
// that the lower of the two peer ids dialled.
func (b *Broker) worth(c network.Conn) int {
	worth := 0
	if !relayed(c) {
		worth += 4
	}
	if isTCP(c.RemoteMultiaddr()) {
		worth += 2
	}
	if (b.host.ID() < c.RemotePeer()) == (c.Stat().Direction == network.DirOutbound) {
		worth++
	}
	return worth
}
