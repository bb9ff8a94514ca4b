package node

import (
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"os"

	"github.com/libp2p/go-libp2p/core/crypto"
	pb "github.com/libp2p/go-libp2p/core/crypto/pb"

	"github.com/batchain/batchain/disk"
)

// ErrKeyExposed means that a key file may be read by others on this machine.
var ErrKeyExposed = errors.New("key file is readable by others")

// ErrKeyDamaged means that a key file does not hold a key.
var ErrKeyDamaged = errors.New("key file is damaged")

// loadIdentity reads the node's Ed25519 key, and makes it at the first start.
// The file holds the key as libp2p marshals it. A damaged or exposed file is
// an error and never replaced: with it would go the name under which others
// keep promises to this node.
func loadIdentity(path string) (crypto.PrivKey, error) {
	data, err := readSecret(path)
	if errors.Is(err, os.ErrNotExist) {
		return createIdentity(path)
	}
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	key, err := crypto.UnmarshalPrivateKey(data)
	if err != nil || key.Type() != pb.KeyType_Ed25519 {
		return nil, fmt.Errorf("identity: %w: %s", ErrKeyDamaged, path)
	}
	return key, nil
}

func createIdentity(path string) (crypto.PrivKey, error) {
	key, _, err := crypto.GenerateEd25519Key(rand.Reader)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	data, err := crypto.MarshalPrivateKey(key)
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	if err := disk.WriteFile(path, data, 0o600); err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return key, nil
}

// signingKey is the identity as crypto/ed25519 wants it.
func signingKey(key crypto.PrivKey) (ed25519.PrivateKey, error) {
	raw, err := key.Raw()
	if err != nil {
		return nil, fmt.Errorf("identity: %w", err)
	}
	return ed25519.PrivateKey(raw), nil
}

// maxSecret bounds a key file, in bytes.
const maxSecret = 4 << 10

// checkPrivate refuses a key file that others on this machine can read.
func checkPrivate(path string, info os.FileInfo) error {
	if mode := info.Mode().Perm(); secretMode && mode&0o077 != 0 {
		return fmt.Errorf("%w: %s has mode %04o and must have 0600", ErrKeyExposed, path, mode)
	}
	return nil
}

// readSecret reads a small file that only its owner may read.
func readSecret(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if err := checkPrivate(path, info); err != nil {
		return nil, err
	}
	if info.Size() > maxSecret {
		return nil, fmt.Errorf("%w: %s has %d bytes", ErrKeyDamaged, path, info.Size())
	}
	return os.ReadFile(path)
}
