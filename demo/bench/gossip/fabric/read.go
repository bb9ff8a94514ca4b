package fabric

import (
	"io"
	"net"
	"os"
	"syscall"
	"time"
)

// Read implements net.Conn.
func (c *conn) Read(b []byte) (int, error) {
	for {
		if err := c.await(); err != nil {
			return 0, err
		}
		if n, ok := c.take(b); ok {
			if n == 0 && len(b) > 0 {
				return 0, io.EOF
			}
			return n, nil
		}
	}
}

// await waits until the first segment is due, and returns the reason when there
// will be none.
func (c *conn) await() error {
	for {
		wait, changed, err := c.look()
		if wait == 0 || err != nil {
			return err
		}
		timer := time.NewTimer(wait)
		select {
		case <-changed:
		case <-timer.C:
		}
		timer.Stop()
	}
}

// never is longer than any world runs.
const never = 1000 * time.Hour

// look returns how long to wait before a segment may be taken, and what to
// watch in the meantime.
func (c *conn) look() (time.Duration, <-chan struct{}, error) {
	f := c.local.fabric
	pause, cut := f.held(c.local.node), f.isCut(c.local.node, c.remote.node)
	c.mu.Lock()
	defer c.mu.Unlock()
	left := never
	if !c.deadline.IsZero() {
		left = time.Until(c.deadline)
	}
	switch {
	case c.closed:
		return 0, nil, net.ErrClosed
	case left <= 0:
		return 0, nil, os.ErrDeadlineExceeded
	case len(c.inbound) == 0:
		return left, c.changed, nil
	}
	head := &c.inbound[0]
	if time.Until(head.due) <= 0 && cut {
		if time.Since(head.sent) > breakTime {
			c.breakOff()
			return 0, nil, syscall.ECONNRESET
		}
		head.due = time.Now().Add(head.retry)
		head.retry *= 2
	}
	return min(left, max(0, pause, time.Until(head.due))), c.changed, nil
}

// take reads from the first segment, which await has seen to be due. The end
// stays where it is. It reports whether there was one.
func (c *conn) take(b []byte) (int, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.inbound) == 0 {
		return 0, false
	}
	head := &c.inbound[0]
	n := copy(b, head.bytes)
	if head.bytes = head.bytes[n:]; n > 0 && len(head.bytes) == 0 {
		c.inbound = c.inbound[1:]
	}
	return n, true
}
