package replica_test

import (
	"crypto/ed25519"
	"testing"

	"github.com/libp2p/go-libp2p/core/crypto"

	"github.com/batchain/batchain/gossip/replica"
)

// signer returns the signer whose seed is 32 times n.
func signer(t testing.TB, n byte) replica.Signer {
	t.Helper()
	seed := make([]byte, ed25519.SeedSize)
	for i := range seed {
		seed[i] = n
	}
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(seed))
	if err != nil {
		t.Fatal(err)
	}
	s, err := replica.KeySigner(key)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// newReplica returns a replica of a model in the name of the n-th signer.
func newReplica(t testing.TB, n byte, model replica.Model, change ...func(*replica.Config)) *replica.Replica {
	t.Helper()
	cfg := replica.Config{Doc: "doc", Mesh: "test", Signer: signer(t, n)}
	for _, c := range change {
		c(&cfg)
	}
	r, err := replica.New(model, cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}
