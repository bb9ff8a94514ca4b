package broker

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
)

// What a relay carries for others. Without a budget a circuit is enough to find a
// direct way and no more.
const (
	circuitBytes    = 128 << 10        // in each direction, without a budget
	circuitTime     = 2 * time.Minute  // without a budget
	bulkTime        = 30 * time.Minute // with one
	bulkBuffer      = 16 << 10         // bytes of buffer in each direction, with one; without 2 KiB
	maxReservations = 128
	maxPerIP        = 64  // reservations of one IPv4 address: an office behind one NAT
	maxCircuits     = 16  // to or from one peer at a time
	circuitsPerPeer = 30  // that one peer may open in a minute
	circuitsPerNet  = 300 // … all peers of one network: an office behind one address
	circuitsInTotal = 600 // … all
)

// RelayOptions are the options of a relay service that carries up to bytes in
// each direction of a circuit, for half an hour; with 0 bytes it carries 128 KiB
// for two minutes.
func RelayOptions(bytes int64) []relay.Option {
	r := relay.DefaultResources()
	r.MaxReservations, r.MaxReservationsPerIP, r.MaxReservationsPerASN = maxReservations, maxPerIP, maxReservations
	r.MaxCircuits = maxCircuits
	r.Limit = &relay.RelayLimit{Data: circuitBytes, Duration: circuitTime}
	if bytes > 0 {
		r.BufferSize = bulkBuffer
		r.Limit = &relay.RelayLimit{Data: bytes, Duration: bulkTime}
	}
	return []relay.Option{
		relay.WithResources(r),
		relay.WithACL(newDoorkeeper()),
	}
}

// doorkeeper refuses circuits beyond what a minute allows, before they cost
// anything.
type doorkeeper struct{ peers, nets allowance }

func newDoorkeeper() *doorkeeper {
	return &doorkeeper{
		peers: allowance{perKey: circuitsPerPeer, total: circuitsInTotal},
		nets:  allowance{perKey: circuitsPerNet},
	}
}

// AllowReserve lets everybody have a reservation; how many is the relay's.
func (d *doorkeeper) AllowReserve(peer.ID, ma.Multiaddr) bool { return true }

// AllowConnect reports whether src may open another circuit.
func (d *doorkeeper) AllowConnect(src peer.ID, from ma.Multiaddr, _ peer.ID) bool {
	now := time.Now()
	return d.nets.take(networkOf(from), now) && d.peers.take(string(src), now)
}
