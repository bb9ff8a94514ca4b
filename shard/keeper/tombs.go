package keeper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// The bounds of tombstones: after the longest lease nothing of a deleted file
// is anywhere, and there are no more than maxTombs, the oldest gone first.
const (
	tombTime = shard.LeaseMax
	maxTombs = 4096
)

// tomb says that an owner deleted a file that was kept here.
type tomb struct {
	_     struct{} `cbor:",toarray"`
	Owner []byte   // the grant's admin key
	Time  int64    // Unix seconds
}

// tombs are the tombstones, in the order in which they came.
type tombs struct {
	Version int    `cbor:"1,keyasint"`
	Tombs   []tomb `cbor:"2,keyasint"`
}

func (t *tombs) has(o owner) bool {
	for _, e := range t.Tombs {
		if owner(e.Owner) == o {
			return true
		}
	}
	return false
}

// add adds one and drops those that are too old or too many.
func (t *tombs) add(o owner, now time.Time) {
	kept := t.Tombs[:0]
	for _, e := range t.Tombs {
		if old := now.Sub(time.Unix(e.Time, 0)) > tombTime; !old && owner(e.Owner) != o {
			kept = append(kept, e)
		}
	}
	kept = append(kept, tomb{Owner: o[:], Time: now.Unix()})
	t.Tombs = kept[max(0, len(kept)-maxTombs):]
}

func (t *tombs) write(path string) error {
	t.Version = recordVersion
	data, err := wire.Marshal(t)
	if err != nil {
		return err
	}
	return disk.WriteFile(path, data, 0o600)
}

func readTombs(path string) (tombs, error) {
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return tombs{}, nil
	} else if err != nil {
		return tombs{}, err
	}
	return parseTombs(data)
}

func parseTombs(data []byte) (tombs, error) {
	var t tombs
	if err := wire.Unmarshal(data, &t); err != nil {
		return tombs{}, fmt.Errorf("tombstones: %w", err)
	}
	if t.Version != recordVersion {
		return tombs{}, fmt.Errorf("tombstones: version %d, this program reads %d", t.Version, recordVersion)
	}
	for _, e := range t.Tombs {
		if len(e.Owner) != len(owner{}) {
			return tombs{}, fmt.Errorf("tombstones: key of %d bytes: %w", len(e.Owner), wire.ErrBadRequest)
		}
	}
	return t, nil
}
