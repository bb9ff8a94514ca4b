package keeper

import (
	"errors"
	"fmt"
	"io/fs"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// entrusted is what an owner remembers of whom he gave a file to. Names that
// peers announce are not enough: anybody can announce himself.
type entrusted struct {
	Version int       `cbor:"1,keyasint"`
	Keepers []peer.ID `cbor:"2,keyasint"`
}

const (
	entrustedSuffix = ".entrusted"
	maxEntrusted    = 4 << 10 // bytes
)

func (k *Keeper) readEntrusted(g shard.Grant) ([]peer.ID, error) {
	data, err := readSmall(k.path(nameOf(g)+entrustedSuffix), maxEntrusted)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	return parseEntrusted(data)
}

func parseEntrusted(data []byte) ([]peer.ID, error) {
	var e entrusted
	if err := wire.Unmarshal(data, &e); err != nil {
		return nil, fmt.Errorf("entrusted: %w", err)
	}
	if e.Version != recordVersion || len(e.Keepers) > shard.MaxKeepers {
		return nil, fmt.Errorf("entrusted: version %d, %d keepers: %w", e.Version, len(e.Keepers), wire.ErrBadRequest)
	}
	return e.Keepers, nil
}

func (k *Keeper) writeEntrusted(g shard.Grant, keepers []peer.ID) error {
	data, err := wire.Marshal(entrusted{recordVersion, keepers})
	if err != nil {
		return err
	}
	return disk.WriteFile(k.path(nameOf(g)+entrustedSuffix), data, 0o600)
}
