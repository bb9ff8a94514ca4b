package node

import (
	"context"
	"errors"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/batchain/batchain/node/control"
)

// ErrLeft is how [Node.Run] ends after the node was told to leave.
var ErrLeft = errors.New("the node has left")

// leaving ends the node once it is told to.
type leaving struct {
	once sync.Once
	told chan struct{}
	busy chan struct{} // held while the node hands on what it holds
}

func newLeaving() *leaving {
	return &leaving{told: make(chan struct{}), busy: make(chan struct{}, 1)}
}

// begin waits until nobody else hands on. The error is the end of ctx, or that
// of the node.
func (l *leaving) begin(ctx context.Context) (end func(), err error) {
	select {
	case l.busy <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	select {
	case <-l.told:
		<-l.busy
		return nil, ErrLeft
	default:
		return func() { <-l.busy }, nil
	}
}

func (l *leaving) now() { l.once.Do(func() { close(l.told) }) }

// Run waits for the word, and ends the node with [ErrLeft].
func (l *leaving) Run(ctx context.Context) error {
	select {
	case <-l.told:
		return ErrLeft
	case <-ctx.Done():
		return nil
	}
}

// Leave ends the node, after it has handed on what it holds if that is asked
// for; see [control.Backend]. It takes nothing new meanwhile. When something is
// left that nobody took it goes on as before.
func (n *Node) Leave(ctx context.Context, req control.LeaveRequest, emit func(control.Progress)) (control.LeaveResult, error) {
	if !req.Evacuate || n.store == nil {
		n.leaving.now()
		return control.LeaveResult{}, nil
	}
	end, err := n.leaving.begin(ctx) // of two, the one that fails would take again
	if err != nil {
		return control.LeaveResult{}, fileFault(err, "the shards")
	}
	defer end()
	n.store.Take(false)
	r, err := n.engine.Evacuate(ctx, n.store.Lots(ctx), n.store.AllNotes(ctx), n.store.Open, told(emit))
	if err != nil {
		n.store.Take(true)
		return control.LeaveResult{}, fileFault(err, "the shards")
	}
	res := control.LeaveResult{Shards: r.Shards, Moved: r.Moved, Left: r.Left, Notes: r.Notes, NotesLeft: r.NotesLeft, Bytes: r.Bytes}
	if r.Left+r.NotesLeft > 0 {
		n.store.Take(true)
		emit(control.Progress{Phase: "leave", Done: int64(r.Moved), Total: int64(r.Shards), Note: "left behind: " + strings.Join(slices.Sorted(maps.Keys(r.Why)), ", ")})
		return res, nil
	}
	n.leaving.now()
	return res, nil
}
