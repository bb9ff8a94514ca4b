package replica_test

import (
	"testing"

	"github.com/batchain/batchain/gossip/replica"
	"github.com/batchain/batchain/gossip/replica/replicatest"
)

func TestValueReplicates(t *testing.T) {
	a, b := replica.NewValue(1, replica.CBOR[string]()), replica.NewValue(1, replica.CBOR[string]())
	ra, rb := newReplica(t, 1, a), newReplica(t, 2, b)
	for _, to := range []string{"one", "two", "three"} {
		if err := a.Set(to); err != nil {
			t.Fatal(err)
		}
	}
	replicatest.MustSync(t, ra, rb)
	if got, ok := b.Get(); !ok || got != "three" {
		t.Errorf("b has %q, %v", got, ok)
	}
	if err := b.Set("four"); err != nil {
		t.Fatal(err)
	}
	replicatest.MustSync(t, ra, rb)
	if got, ok := a.Get(); !ok || got != "four" {
		t.Errorf("a has %q, %v", got, ok)
	}
}
