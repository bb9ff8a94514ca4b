package node

import (
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/batchain/batchain/disk"
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
		if err := disk.WriteFile(path, seed[:], 0o600); err != nil {
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

// ErrOtherOwner means that a home belongs to another seed, and has files.
var ErrOtherOwner = errors.New("the home belongs to another owner")

// HasOwnerKey reports whether a home has a seed already.
func HasOwnerKey(home string) bool {
	_, err := os.Stat(Home(home).ownerKey())
	return err == nil
}

// AdoptOwnerKey makes seed the home's. Another seed that has no files yet, as
// every node makes one when it first starts, is kept beside it as
// owner.key.replaced-TIME; one that has is never replaced: [ErrOtherOwner]. A
// node that runs on the home with another seed gives [*HomeBusy].
func AdoptOwnerKey(home string, seed shard.Seed) error {
	h := Home(home)
	known := HasOwnerKey(home)
	if known {
		if current, err := LoadOwnerKey(home); err != nil || current == seed {
			return err
		}
	}
	lock, err := h.acquire()
	if err != nil {
		return err
	}
	defer lock.release()
	if known {
		if files, err := Files(home); err != nil || len(files) > 0 {
			return errors.Join(ErrOtherOwner, err)
		}
		if err := os.Rename(h.ownerKey(), fmt.Sprintf("%s.replaced-%d", h.ownerKey(), time.Now().UnixNano())); err != nil {
			return fmt.Errorf("owner key: %w", err)
		}
	}
	if err := disk.WriteFile(h.ownerKey(), seed[:], 0o600); err != nil {
		return fmt.Errorf("owner key: %w", err)
	}
	return nil
}
