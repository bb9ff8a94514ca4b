package node

import (
	"errors"
	"fmt"
	"os"

	"github.com/batchain/batchain/shard"
)

// LoadOwnerKey reads the seed from which every file's keys derive, and makes
// it at the first start. The file holds its 32 bytes. A damaged one is an
// error and never replaced: the owner's files depend on it. [ErrKeyExposed],
// [ErrKeyDamaged].
func LoadOwnerKey(home string) (shard.Seed, error) {
	path := Home(home).ownerKey()
	data, err := readSecret(path)
	if errors.Is(err, os.ErrNotExist) {
		seed := shard.NewSeed()
		if err := writeDurable(path, seed[:], 0o600); err != nil {
			return shard.Seed{}, fmt.Errorf("owner key: %w", err)
		}
		return seed, nil
	}
	if err != nil {
		return shard.Seed{}, fmt.Errorf("owner key: %w", err)
	}
	if len(data) != len(shard.Seed{}) {
		return shard.Seed{}, fmt.Errorf("owner key: %w: %s has %d bytes, not %d", ErrKeyDamaged, path, len(data), len(shard.Seed{}))
	}
	return shard.Seed(data), nil
}
