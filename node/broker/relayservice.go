package broker

import (
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
	ma "github.com/multiformats/go-multiaddr"
	"github.com/prometheus/client_golang/prometheus"
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

// RelayOptions are the options of a relay service that carries what the budget
// allows, which one circuit may use up; without a budget, 128 KiB in each direction
// of a circuit for two minutes. The registerer gets libp2p's metrics of it.
func RelayOptions(budget *Budget, registerer prometheus.Registerer) []relay.Option {
	r := relay.DefaultResources()
	r.MaxReservations, r.MaxReservationsPerIP, r.MaxReservationsPerASN = maxReservations, maxPerIP, maxReservations
	r.MaxCircuits = maxCircuits
	r.Limit = &relay.RelayLimit{Data: circuitBytes, Duration: circuitTime}
	opts := []relay.Option{relay.WithACL(newDoorkeeper(budget))}
	if budget != nil {
		r.BufferSize = bulkBuffer
		r.Limit = &relay.RelayLimit{Data: budget.bytes, Duration: bulkTime}
		opts = append(opts, relay.WithMetricsTracer(&meter{relay.NewMetricsTracer(relay.WithRegisterer(registerer)), budget}))
	}
	return append(opts, relay.WithResources(r))
}

// doorkeeper refuses circuits beyond what a minute and the budget allow, before
// they cost anything.
type doorkeeper struct {
	budget      *Budget
	peers, nets allowance
}

func newDoorkeeper(budget *Budget) *doorkeeper {
	return &doorkeeper{
		budget: budget,
		peers:  allowance{perKey: circuitsPerPeer, total: circuitsInTotal},
		nets:   allowance{perKey: circuitsPerNet},
	}
}

// AllowReserve lets everybody have a reservation; how many is the relay's.
func (d *doorkeeper) AllowReserve(peer.ID, ma.Multiaddr) bool { return true }

// AllowConnect reports whether src may open another circuit.
func (d *doorkeeper) AllowConnect(src peer.ID, from ma.Multiaddr, _ peer.ID) bool {
	now := time.Now()
	return d.budget.left(now) && d.nets.take(networkOf(from), now) && d.peers.take(string(src), now)
}
