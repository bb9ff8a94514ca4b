package node

import (
	"context"
	"sync"
	"time"
)

// How long work that needs others waits for the first of them.
const (
	joinTime = 4 * time.Second
	joinLook = 20 * time.Millisecond
)

// joining tells when a node that has just started is among others, so that a
// put right after the start does not find an empty mesh.
type joining struct {
	size func() int            // servers in the routing table
	hope func() bool           // whether there is anybody to join
	call func(context.Context) // dials those that are known
	done chan struct{}         // closed when somebody was found, or there is no hope
}

// Run calls those that are known and looks until the routing table has
// somebody, 4 s have passed or ctx ends.
func (j *joining) Run(ctx context.Context) error {
	var called sync.WaitGroup
	called.Go(func() { j.call(ctx) })
	defer called.Wait()
	defer close(j.done)
	patience, cancel := context.WithTimeout(ctx, joinTime)
	defer cancel()
	look := time.NewTicker(joinLook)
	defer look.Stop()
	for j.hope() && j.size() == 0 {
		select {
		case <-patience.Done():
			return nil
		case <-look.C:
		}
	}
	return nil
}

// wait returns once Run is done or ctx ends.
func (j *joining) wait(ctx context.Context) {
	select {
	case <-j.done:
	case <-ctx.Done():
	}
}
