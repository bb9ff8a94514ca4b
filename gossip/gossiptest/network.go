package gossiptest

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
)

// Conditions are those of the ways between all members.
type Conditions struct {
	Latency   time.Duration
	Jitter    time.Duration // added to the latency, up to so much: messages overtake each other
	Loss      float64       // share of messages that are lost, 0 to 1
	Duplicate float64       // share that come twice
}

// Traffic is what a member has sent and received, in messages and bytes of
// payload. What was lost on the way is sent, not received.
type Traffic struct {
	SentMessages, SentBytes         uint64
	ReceivedMessages, ReceivedBytes uint64
}

// Network carries messages between its endpoints. It is safe for concurrent
// use, and runs in real time as well as in a bubble of testing/synctest.
type Network struct {
	mu         sync.Mutex
	rand       *rand.Rand
	conditions Conditions
	endpoints  map[peer.ID]*Endpoint
	cut        func(from, to peer.ID) bool
}

// NewNetwork returns a network without endpoints, whose chances follow from
// seed.
func NewNetwork(seed uint64) *Network {
	return &Network{
		rand:      rand.New(rand.NewPCG(seed, 1)),
		endpoints: map[peer.ID]*Endpoint{},
		cut:       func(peer.ID, peer.ID) bool { return false },
	}
}

// SetConditions changes the conditions for what is sent from now on.
func (n *Network) SetConditions(c Conditions) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.conditions = c
}

// Cut drops what is sent from now on, and what is under way, wherever cut says
// so; nil heals everything.
func (n *Network) Cut(cut func(from, to peer.ID) bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if cut == nil {
		cut = func(peer.ID, peer.ID) bool { return false }
	}
	n.cut = cut
}

// Endpoint returns the transport of one member; always the same one for the
// same peer, so that a restarted member finds its traffic counted on.
func (n *Network) Endpoint(p peer.ID) *Endpoint {
	n.mu.Lock()
	defer n.mu.Unlock()
	e := n.endpoints[p]
	if e == nil {
		e = &Endpoint{network: n, peer: p}
		n.endpoints[p] = e
	}
	return e
}

// Endpoint is a member's way into the network.
type Endpoint struct {
	network *Network
	peer    peer.ID

	// The rest is guarded by the network.
	receive  func(from peer.ID, message []byte) // nil while nothing is served
	calls    sync.WaitGroup
	paused   bool
	held     []parcel
	traffic  Traffic
	overhear func(to peer.ID, message []byte)
}

var _ gossip.Transport = (*Endpoint)(nil)

// parcel is a message under way.
type parcel struct {
	from, to *Endpoint
	message  []byte
}

// Send passes a message on its way.
func (e *Endpoint) Send(to peer.ID, message []byte) error {
	n := e.network
	n.mu.Lock()
	defer n.mu.Unlock()
	if e.receive == nil {
		return gossip.ErrStopped
	}
	e.traffic.SentMessages++
	e.traffic.SentBytes += uint64(len(message))
	if e.overhear != nil {
		e.overhear(to, message)
	}
	target := n.endpoints[to]
	if target == nil {
		return nil // as to an address that nobody has
	}
	p := parcel{e, target, slices.Clone(message)}
	if e.paused {
		e.held = append(e.held, p)
		return nil
	}
	n.dispatch(p)
	return nil
}

// dispatch decides how a parcel fares. The network is locked.
func (n *Network) dispatch(p parcel) {
	if n.cut(p.from.peer, p.to.peer) || n.rand.Float64() < n.conditions.Loss {
		return
	}
	copies := 1
	if n.rand.Float64() < n.conditions.Duplicate {
		copies = 2
	}
	for range copies {
		delay := n.conditions.Latency
		if j := n.conditions.Jitter; j > 0 {
			delay += time.Duration(n.rand.Int64N(int64(j)))
		}
		time.AfterFunc(delay, func() { n.arrive(p) })
	}
}

func (n *Network) arrive(p parcel) {
	n.mu.Lock()
	switch {
	case p.to.receive == nil || n.cut(p.from.peer, p.to.peer):
		n.mu.Unlock()
		return
	case p.to.paused:
		p.to.held = append(p.to.held, p)
		n.mu.Unlock()
		return
	}
	p.to.traffic.ReceivedMessages++
	p.to.traffic.ReceivedBytes += uint64(len(p.message))
	receive := p.to.receive
	p.to.calls.Add(1)
	n.mu.Unlock()
	defer p.to.calls.Done()
	receive(p.from.peer, p.message)
}

// Serve calls receive with what comes, until ctx ends.
func (e *Endpoint) Serve(ctx context.Context, receive func(from peer.ID, message []byte)) error {
	n := e.network
	n.mu.Lock()
	if e.receive != nil {
		n.mu.Unlock()
		return errors.New("endpoint serves already")
	}
	e.receive = receive
	n.mu.Unlock()
	<-ctx.Done()
	n.mu.Lock()
	e.receive, e.held = nil, nil
	n.mu.Unlock()
	e.calls.Wait()
	return nil
}

// Address returns the peer id: whoever knows it reaches the member.
func (e *Endpoint) Address() []byte { return []byte(e.peer) }

// Learn does nothing.
func (e *Endpoint) Learn(peer.ID, []byte) {}

// Pause holds what comes to this member and what it sends, as a stopped process
// does, until [Endpoint.Resume]. The member's clock goes on.
func (e *Endpoint) Pause() {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.paused = true
}

// Resume lets everything that was held go on.
func (e *Endpoint) Resume() {
	n := e.network
	n.mu.Lock()
	held := e.held
	e.paused, e.held = false, nil
	for _, p := range held {
		n.dispatch(p)
	}
	n.mu.Unlock()
}

// Overhear has f called with every message that this member sends. It must not
// keep the message or call the network; nil: nobody listens.
func (e *Endpoint) Overhear(f func(to peer.ID, message []byte)) {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	e.overhear = f
}

// Traffic returns what has gone through the endpoint.
func (e *Endpoint) Traffic() Traffic {
	e.network.mu.Lock()
	defer e.network.mu.Unlock()
	return e.traffic
}
