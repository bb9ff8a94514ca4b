package transfer

import (
	"context"
	"fmt"
	"sync"
)

// slabs are the segment buffers of one put or get. They lie outside the
// garbage-collected heap: inside, the collector would let the process grow to
// more than twice their size before it ran.
type slabs struct {
	free chan []byte
	all  [][]byte
}

// inFlight is how many segments are under way at one time.
const inFlight = 2

func newSlabs(size int) (*slabs, error) {
	s := &slabs{free: make(chan []byte, inFlight)}
	for range inFlight {
		slab, err := mapMemory(size)
		if err != nil {
			s.close()
			return nil, fmt.Errorf("buffers of %d bytes: %w", size, err)
		}
		s.all = append(s.all, slab)
		s.free <- slab
	}
	return s, nil
}

// take blocks until a buffer is free.
func (s *slabs) take(ctx context.Context) ([]byte, error) {
	select {
	case slab := <-s.free:
		return slab, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (s *slabs) give(slab []byte) { s.free <- slab }

// close returns the memory. Nobody may hold a buffer any more.
func (s *slabs) close() {
	for _, slab := range s.all {
		unmapMemory(slab)
	}
	s.all = nil
}

// counter adds up bytes from many goroutines and reports each new sum in order.
type counter struct {
	mu     sync.Mutex
	sum    int64
	report func(int64)
}

func (c *counter) add(n int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.sum += n
	if c.report != nil {
		c.report(c.sum)
	}
}

func (c *counter) total() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.sum
}
