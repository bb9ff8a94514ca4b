package kad_test

import (
	"context"
	"iter"
	"testing"
	"time"

	"github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"

	"github.com/batchain/batchain/kad"
	"github.com/batchain/batchain/shard"
)

// A node may be told to end at any moment of its start; the list of what it
// announces is being read then, and must not keep it.
func TestEndsAtAnyMoment(t *testing.T) {
	store := dssync.MutexWrap(datastore.NewMapDatastore())
	h := newHost(t)
	for i := range 60 {
		ctx, cancel := context.WithCancel(t.Context())
		table, err := kad.New(kad.Config{
			Host: h, Mesh: "test", Server: true, Datastore: store,
			Locators: func(context.Context) iter.Seq2[shard.Locator, error] {
				return func(yield func(shard.Locator, error) bool) {
					if i%2 == 1 {
						cancel() // the moment that is hardest to hit by chance
					}
					for j := range 3 {
						if !yield(locator(j), nil) {
							return
						}
					}
				}
			},
		})
		if err != nil {
			t.Fatal(err)
		}
		ended := make(chan error, 1)
		go func() { ended <- table.Run(ctx) }()
		stop := time.AfterFunc(time.Duration(i)*200*time.Microsecond, cancel)
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("run %d: %v", i, err)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("run %d does not end", i)
		}
		stop.Stop()
		cancel()
	}
}
