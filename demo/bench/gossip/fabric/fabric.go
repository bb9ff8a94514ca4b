package fabric

import (
	"math/rand/v2"
	"sync"
	"time"
)

const (
	// SegmentBytes is the part of a stream that is lost as one.
	SegmentBytes = 1400
	// segmentRetry is the first wait before a lost segment is sent again, and
	// dialRetry before a lost opening is; both double each time.
	segmentRetry, dialRetry = 200 * time.Millisecond, time.Second
	// breakTime is how long a segment may meet a cut before its stream breaks.
	breakTime = 30 * time.Second
)

// Fabric is one network. Its methods may be called from any goroutine.
type Fabric struct {
	latency time.Duration
	loss    float64

	mu     sync.Mutex
	rand   *rand.Rand
	ports  map[int]*Port
	side   map[int]bool // of the cut; nil without one
	paused map[int]time.Time
	counts map[int]*Count
}

// Count is what a node has handed to the network since the world began, lost
// or not.
type Count struct {
	Bytes    int64 // payload
	Messages int64 // packets, and writes to streams
	Dials    int64 // streams opened, or tried to
}

// New returns a network without nodes.
func New(latency time.Duration, loss float64, seed uint64) *Fabric {
	return &Fabric{
		latency: latency,
		loss:    loss,
		rand:    rand.New(rand.NewPCG(seed, 1)),
		ports:   map[int]*Port{},
		paused:  map[int]time.Time{},
		counts:  map[int]*Count{},
	}
}

// Pause holds all that goes in or out of node for d, from now.
func (f *Fabric) Pause(node int, d time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.paused[node] = time.Now().Add(d)
}

// Cut lets nothing pass between the nodes of side and the others, until Heal.
func (f *Fabric) Cut(side []int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.side = map[int]bool{}
	for _, node := range side {
		f.side[node] = true
	}
}

// Heal ends a cut.
func (f *Fabric) Heal() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.side = nil
}

// Count returns what node has sent, over all its lives.
func (f *Fabric) Count(node int) Count {
	f.mu.Lock()
	defer f.mu.Unlock()
	return *f.count(node)
}

func (f *Fabric) count(node int) *Count {
	if f.counts[node] == nil {
		f.counts[node] = &Count{}
	}
	return f.counts[node]
}

func (f *Fabric) sent(node int, bytes int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	c := f.count(node)
	c.Bytes += int64(bytes)
	c.Messages++
}

// held returns how long node's pause goes on.
func (f *Fabric) held(node int) time.Duration {
	f.mu.Lock()
	defer f.mu.Unlock()
	return max(0, time.Until(f.paused[node]))
}

// passes draws whether one packet from one node to another arrives.
func (f *Fabric) passes(from, to int) bool { return !f.isCut(from, to) && !f.loses() }

// loses draws whether one packet is lost.
func (f *Fabric) loses() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.loss > 0 && f.rand.Float64() < f.loss
}

// isCut reports whether a cut lies between two nodes.
func (f *Fabric) isCut(a, b int) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.side[a] != f.side[b]
}

// port returns the living port of node, or nil.
func (f *Fabric) port(node int) *Port {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.ports[node]
}

// Unplug closes the port of node, see [Port.Close].
func (f *Fabric) Unplug(node int) {
	if p := f.port(node); p != nil {
		p.Close()
	}
}
