package fabric

import (
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// conn is one end of a stream. What the other end writes waits here until it is
// due; the reader, if any, waits with it.
type conn struct {
	local, remote *Port
	peer          *conn

	mu       sync.Mutex
	inbound  []segment
	closed   bool          // reads and writes fail
	finished bool          // writes fail: the other side has been told the end
	deadline time.Time     // of reads; zero is none
	changed  chan struct{} // closed and replaced when the reader should look again
}

// segment is a part of a stream on its way; one without bytes is the end.
type segment struct {
	sent  time.Time
	due   time.Time
	retry time.Duration // the next wait, if a cut is in the way
	bytes []byte
}

// pipe returns both ends of a stream, or nil when a port has closed.
func pipe(from, to *Port) (near, far *conn) {
	near = &conn{local: from, remote: to, changed: make(chan struct{})}
	far = &conn{local: to, remote: from, changed: make(chan struct{}), peer: near}
	near.peer = far
	if !from.own(near) {
		return nil, nil
	}
	if !to.own(far) {
		from.disown(near)
		return nil, nil
	}
	return near, far
}

// wake makes the reader look again. The caller holds c.mu.
func (c *conn) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// Write implements net.Conn. It never waits for the reader.
func (c *conn) Write(b []byte) (int, error) {
	c.mu.Lock()
	over := c.closed || c.finished
	c.mu.Unlock()
	if over {
		return 0, net.ErrClosed
	}
	f := c.local.fabric
	f.sent(c.local.node, len(b))
	if c.remote.isClosed() && f.port(c.remote.node) != nil {
		return 0, fmt.Errorf("write to node %d: %w", c.remote.node, syscall.ECONNRESET)
	}
	for rest := b; len(rest) > 0; {
		n := min(len(rest), SegmentBytes)
		c.transmit(append([]byte(nil), rest[:n]...))
		rest = rest[n:]
	}
	return len(b), nil
}

// transmit puts a segment into the other end, due when it will have arrived
// there for all its losses, and after those before it.
func (c *conn) transmit(bytes []byte) {
	f := c.local.fabric
	wait, retry := f.held(c.local.node)+f.latency, segmentRetry
	for f.loses() {
		wait += retry
		retry *= 2
	}
	s := segment{sent: time.Now(), due: time.Now().Add(wait), retry: retry, bytes: bytes}
	p := c.peer
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return
	}
	if n := len(p.inbound); n > 0 && p.inbound[n-1].due.After(s.due) {
		s.due = p.inbound[n-1].due
	}
	p.inbound = append(p.inbound, s)
	p.wake()
}

// CloseWrite tells the other side that no more will come.
func (c *conn) CloseWrite() error {
	c.mu.Lock()
	told := c.finished || c.closed
	c.finished = true
	c.mu.Unlock()
	if !told {
		c.transmit(nil)
	}
	return nil
}

// Close implements net.Conn: the other side reads what was written and then
// the end.
func (c *conn) Close() error {
	err := c.CloseWrite()
	c.vanish()
	c.local.disown(c)
	return err
}

// breakOff closes both ends, as their systems do when nothing passes for long.
// The caller holds c.mu.
func (c *conn) breakOff() {
	c.closed = true
	go c.peer.vanish()
}

// vanish closes this end without telling the other.
func (c *conn) vanish() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed, c.inbound = true, nil
	c.wake()
}

// SetReadDeadline implements net.Conn.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.deadline = t
	c.wake()
	return nil
}

// SetWriteDeadline implements net.Conn: writes never wait.
func (c *conn) SetWriteDeadline(time.Time) error { return nil }

// SetDeadline implements net.Conn.
func (c *conn) SetDeadline(t time.Time) error { return c.SetReadDeadline(t) }

// LocalAddr implements net.Conn.
func (c *conn) LocalAddr() net.Addr { return Addr(c.local.node) }

// RemoteAddr implements net.Conn.
func (c *conn) RemoteAddr() net.Addr { return Addr(c.remote.node) }
