package replicatest

import (
	"context"
	"net"
	"sync"
	"testing"

	"github.com/batchain/batchain/gossip/replica"
)

// Sync replicates between two replicas in memory until they are equal, and returns
// what either side says.
func Sync(ctx context.Context, a, b *replica.Replica, optsA, optsB replica.StreamOptions) (errA, errB error) {
	left, right := net.Pipe()
	var both sync.WaitGroup
	both.Go(func() { errA = a.Replicate(ctx, left, optsA) })
	both.Go(func() { errB = b.Replicate(ctx, right, optsB) })
	both.Wait()
	return errA, errB
}

// MustSync is [Sync] both ways; an error fails the test.
func MustSync(t testing.TB, a, b *replica.Replica) {
	t.Helper()
	if errA, errB := Sync(t.Context(), a, b, replica.StreamOptions{}, replica.StreamOptions{}); errA != nil || errB != nil {
		t.Fatalf("replicate: %v; the other side: %v", errA, errB)
	}
}
