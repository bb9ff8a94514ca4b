package replicatest

import (
	"bytes"
	"crypto/ed25519"

	"github.com/libp2p/go-libp2p/core/crypto"
	"pgregory.net/rapid"

	"github.com/batchain/batchain/gossip/replica"
)

// Signer returns the signer whose Ed25519 seed is 32 times n. Its key is no secret.
func Signer(n byte) replica.Signer {
	key, err := crypto.UnmarshalEd25519PrivateKey(ed25519.NewKeyFromSeed(bytes.Repeat([]byte{n}, ed25519.SeedSize)))
	if err != nil {
		panic("replicatest: internal error: " + err.Error())
	}
	s, err := replica.KeySigner(key)
	if err != nil {
		panic("replicatest: internal error: " + err.Error())
	}
	return s
}

// node is a replica under test.
type node struct {
	*replica.Replica
	model replica.Model
}

func (k Kit) start(t *rapid.T, n byte) node {
	model := k.New()
	r, err := replica.New(model, replica.Config{Doc: "doc", Mesh: "test", Signer: Signer(n)})
	if err != nil {
		t.Fatal(err)
	}
	return node{r, model}
}

func (k Kit) stop(t *rapid.T, nodes ...node) {
	for _, n := range nodes {
		if err := n.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// write makes one change that the kit draws.
func (k Kit) write(t *rapid.T, n node) {
	if err := n.Local(k.Change(t, n.model)); err != nil {
		t.Fatalf("the model refuses a change of its kit's: %v", err)
	}
}

// meet makes two replicas equal.
func meet(t *rapid.T, a, b node) {
	errA, errB := Sync(t.Context(), a.Replica, b.Replica, replica.StreamOptions{}, replica.StreamOptions{})
	if errA != nil || errB != nil {
		t.Fatalf("replicate: %v; the other side: %v", errA, errB)
	}
}
