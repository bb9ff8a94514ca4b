// Package feedtest holds stores to what package feed asks of them, with a real hive
// and bees: at every step a process may be killed before and after.
package feedtest

import (
	"context"
	"errors"
	"io"
	"testing"
	"time"

	"github.com/batchain/batchain/work/feed"
)

// Store is a store that a test closes before it opens it again.
type Store interface {
	feed.Store
	io.Closer
}

// Place is where a store keeps what it has, seen by those who put units there.
type Place interface {
	// Open opens the store, as after a start.
	Open(t *testing.T) Store
	// Insert puts a unit there, as anybody may.
	Insert(t *testing.T, name, input string)
	// Outcome returns what came of it: "done", "failed" or "cancelled", with the
	// output or the reason; "" while nothing has.
	Outcome(t *testing.T, name string) (state, text string)
}

// eventually waits until something is so, asking again and again.
func eventually(ctx context.Context, what string, is func() bool) error {
	ctx, cancel := context.WithTimeoutCause(ctx, time.Minute, errors.New("not in a minute: "+what))
	defer cancel()
	for !is() {
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(5 * time.Millisecond):
		}
	}
	return nil
}
