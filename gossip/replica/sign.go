package replica

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// Signer signs a replica's own updates. [KeySigner] makes one of a libp2p key.
type Signer interface {
	// ID is the peer in whose name updates are signed.
	ID() peer.ID
	// Sign returns a signature over data.
	Sign(data []byte) ([]byte, error)
}

// Verifier tells whether a source signed an update. It must bind the id to one
// key for ever, or an author can be replaced.
type Verifier interface {
	// Verify reports whether sig is source's signature over data. A key that is
	// not known is no error: the answer is no. An error means that it cannot be
	// told now; the update waits, and so does all that follows it.
	Verify(ctx context.Context, source peer.ID, data, sig []byte) (bool, error)
}

type keySigner struct {
	key crypto.PrivKey
	id  peer.ID
}

// KeySigner signs with a key of libp2p, such as that of a host. [PeerKeys]
// verifies what an Ed25519 key signs.
func KeySigner(key crypto.PrivKey) (Signer, error) {
	id, err := peer.IDFromPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("signer: %w", err)
	}
	return keySigner{key, id}, nil
}

func (s keySigner) ID() peer.ID { return s.id }

func (s keySigner) Sign(data []byte) ([]byte, error) { return s.key.Sign(data) }

// PeerKeys is the [Verifier] that needs to know nobody: an Ed25519 peer id is its
// own key. Ids of larger keys do not hold them, and nothing of theirs verifies.
type PeerKeys struct{}

// Verify never returns an error.
func (PeerKeys) Verify(_ context.Context, source peer.ID, data, sig []byte) (bool, error) {
	key, err := source.ExtractPublicKey()
	if err != nil {
		return false, nil
	}
	ok, err := key.Verify(data, sig)
	return ok && err == nil, nil
}
