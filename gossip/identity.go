package gossip

import (
	"crypto/ed25519"
	"fmt"

	"github.com/libp2p/go-libp2p/core/crypto"
	"github.com/libp2p/go-libp2p/core/peer"
)

// identity is a member's Ed25519 key, which is its peer id too.
type identity [ed25519.PublicKeySize]byte

// The peer id of an Ed25519 key: an identity multihash of the key's protobuf.
const idHeader = "\x00\x24\x08\x01\x12\x20"

func identityOf(p peer.ID) (identity, error) {
	if len(p) != len(idHeader)+ed25519.PublicKeySize || p[:len(idHeader)] != idHeader {
		return identity{}, fmt.Errorf("peer %s: its id holds no Ed25519 key", p)
	}
	return identity([]byte(p[len(idHeader):])), nil
}

func (i identity) peer() peer.ID { return peer.ID(idHeader + string(i[:])) }

func (i identity) key() ed25519.PublicKey { return i[:] }

// short is the beginning of an identity, as it stands in a digest. Whoever
// makes two that begin alike hides one of them; it costs 2⁶⁴ keys.
type short [8]byte

func (i identity) short() short { return short(i[:8]) }

// ID returns the peer id of an Ed25519 key.
func ID(key ed25519.PublicKey) (peer.ID, error) {
	pub, err := crypto.UnmarshalEd25519PublicKey(key)
	if err != nil {
		return "", err
	}
	return peer.IDFromPublicKey(pub)
}
