package fabric

import (
	"context"
	"net"
	"sync"
	"time"
)

// Port is one node's place on the network, for one life of the node.
type Port struct {
	fabric   *Fabric
	node     int
	onPacket func(from int, packet []byte)
	onStream func(from int, stream net.Conn)

	mu     sync.Mutex
	closed bool
	ends   map[*conn]bool // the open ends of streams on this side
}

// Attach gives node a place on the network until [Port.Close]. The handlers are
// called from goroutines of the network and must not block; they own what they
// are given. A nil handler drops what comes.
func (f *Fabric) Attach(node int, onPacket func(from int, packet []byte), onStream func(from int, stream net.Conn)) *Port {
	p := &Port{fabric: f, node: node, onPacket: onPacket, onStream: onStream, ends: map[*conn]bool{}}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.ports[node] = p
	return p
}

// Node returns the number of the port's node.
func (p *Port) Node() int { return p.node }

// Send sends one packet, without any promise. It keeps no reference to it.
func (p *Port) Send(to int, packet []byte) {
	f := p.fabric
	f.sent(p.node, len(packet))
	if !f.passes(p.node, to) {
		return
	}
	packet = append([]byte(nil), packet...)
	time.AfterFunc(f.held(p.node)+f.latency, func() { p.arrive(to, packet) })
}

// arrive hands a packet to the node it is for, when that one's pause is over.
func (p *Port) arrive(to int, packet []byte) {
	if wait := p.fabric.held(to); wait > 0 {
		time.AfterFunc(wait, func() { p.arrive(to, packet) })
		return
	}
	if dest := p.fabric.port(to); dest != nil && dest.onPacket != nil && !dest.isClosed() {
		dest.onPacket(p.node, packet)
	}
}

// Dial opens a stream. It returns after one round trip, or with ctx's error:
// a node that is gone does not refuse, it is silent.
func (p *Port) Dial(ctx context.Context, to int) (net.Conn, error) {
	f := p.fabric
	f.mu.Lock()
	f.count(p.node).Dials++
	f.mu.Unlock()
	for retry := dialRetry; ; retry *= 2 {
		if err := rest(ctx, 2*f.latency+f.held(p.node)+f.held(to)); err != nil {
			return nil, err
		}
		dest := f.port(to)
		if dest != nil && dest.onStream != nil && f.passes(p.node, to) && f.passes(to, p.node) {
			if near, far := pipe(p, dest); near != nil {
				dest.onStream(p.node, far)
				return near, nil
			}
		}
		if p.isClosed() {
			return nil, net.ErrClosed
		}
		if err := rest(ctx, retry); err != nil {
			return nil, err
		}
	}
}

// rest waits for d, or for the end of ctx.
func rest(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-timer.C:
		return nil
	}
}

// Close takes the node off the network, silently: the other ends of its streams
// learn nothing until they write to a node that has come back.
func (p *Port) Close() {
	f := p.fabric
	f.mu.Lock()
	if f.ports[p.node] == p {
		delete(f.ports, p.node)
	}
	f.mu.Unlock()
	p.mu.Lock()
	p.closed = true
	ends := p.ends
	p.ends = nil
	p.mu.Unlock()
	for c := range ends {
		c.vanish()
	}
}

func (p *Port) isClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.closed
}

// own makes the port close c with itself; it refuses when it is closed already.
func (p *Port) own(c *conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return false
	}
	p.ends[c] = true
	return true
}

func (p *Port) disown(c *conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.ends, c)
}
