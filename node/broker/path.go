package broker

import (
	"math"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/core/peer"
)

// The names of steps, as they are traced. The first two are the original's.
const (
	StepBroker    = "broker_connection"    // a broker was asked; Err says how that went
	StepEstablish = "establish_connection" // both sides dial: this node, or with Inbound another
	StepDial      = "dial"                 // known addresses were dialled
	StepFind      = "find_peer"            // the routing layer was asked for addresses
	StepRelay     = "relay"                // a relay was dialled
)

// Step is one thing that was tried to reach a peer.
type Step struct {
	Name    string
	Peer    peer.ID       // to be reached; with Inbound who wants to reach us
	Via     peer.ID       // the broker, "" if none
	Took    time.Duration // 0 while it is under way
	Inbound bool          // the other side began
	Err     string        // what went wrong, "" if nothing did
}

// How a peer is reached.
const (
	HowAccepted = "accepted" // it dialled us
	HowDialled  = "dialled"  // its address was dialled
	HowBrokered = "brokered" // both dialled at once, by way of a broker
	HowRelayed  = "relayed"  // through a relay
	HowNone     = "none"     // not at all
)

// Path is how a peer is reached, and what was tried for that.
type Path struct {
	How   string
	Via   peer.ID // the broker or relay, "" if none
	Addr  string  // the other end
	Tried []Step  // of the last attempt, in order; nil when none was needed
}

// Bounds of what is remembered of attempts.
const (
	maxPaths = 1024 // peers
	maxTried = 24   // steps of one attempt
)

// note is what is remembered of the last attempt to reach a peer.
type note struct {
	at     time.Time
	via    peer.ID // the broker with whose help the connection came to be
	tried  []Step
	failed int // attempts in a row that led to no direct way
}

// paths remembers attempts.
type paths struct {
	mu    sync.Mutex
	notes map[peer.ID]*note
}

func newPaths() *paths { return &paths{notes: map[peer.ID]*note{}} }

// begin forgets what was tried before, and the oldest attempts when there are
// too many.
func (p *paths) begin(id peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	failed := 0
	if n := p.notes[id]; n != nil {
		failed = n.failed
	} else if len(p.notes) >= maxPaths {
		var oldest peer.ID
		for other, n := range p.notes {
			if oldest == "" || n.at.Before(p.notes[oldest].at) {
				oldest = other
			}
		}
		delete(p.notes, oldest)
	}
	p.notes[id] = &note{at: time.Now(), failed: failed}
}

// age is how long ago the last attempt began.
func (p *paths) age(id peer.ID) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.notes[id]; n != nil {
		return time.Since(n.at)
	}
	return math.MaxInt64
}

func (p *paths) add(s Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.notes[s.Peer]; n != nil && len(n.tried) < maxTried {
		n.tried = append(n.tried, s)
	}
}

// met notes the broker through whom a connection came to be.
func (p *paths) met(id, via peer.ID) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if n := p.notes[id]; n != nil {
		n.via = via
	}
}

// get returns the broker of the last attempt and what was tried.
func (p *paths) get(id peer.ID) (peer.ID, []Step) {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := p.notes[id]
	if n == nil {
		return "", nil
	}
	return n.via, slices.Clone(n.tried)
}

// Path tells how a peer is reached now.
func (b *Broker) Path(p peer.ID) Path {
	via, tried := b.paths.get(p)
	path := Path{How: HowNone, Tried: tried}
	for _, c := range b.network.ConnsToPeer(p) {
		addr := c.RemoteMultiaddr().String()
		switch {
		case relayed(c):
			if path.How == HowNone {
				path.How, path.Via, path.Addr = HowRelayed, relayOf(c), addr
			}
			continue
		case via != "":
			path.How, path.Via, path.Addr = HowBrokered, via, addr
		case c.Stat().Direction == network.DirInbound:
			path.How, path.Via, path.Addr = HowAccepted, "", addr
		default:
			path.How, path.Via, path.Addr = HowDialled, "", addr
		}
		return path
	}
	return path
}
