package exchange

import (
	"context"
	"crypto/ed25519"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// Store is what a [Server] serves from. Its methods are called by many
// goroutines at once. An error that wraps a [wire.Error] reaches the peer with
// its code and message; of any other the peer learns only [wire.ErrInternal].
type Store interface {
	// Hold promises bytes to asker for a minute and says how many are free
	// for it. With 0 bytes it only says that. wire.ErrFull and wire.ErrQuota
	// come with free.
	Hold(asker peer.ID, bytes int64) (free int64, err error)

	// Receive takes in one shard and returns once it is durable. It calls
	// ready at most once, with how many bytes it has kept from an earlier
	// try, and reads the others from what ready returns; an error of either
	// is returned, wrapped. For a shard that this very owner (lot.Grant.Admin)
	// has here it grants the lease and never calls ready. wire.ErrInProgress
	// means that the same lot is being received by another call.
	Receive(ctx context.Context, lot shard.Lot, ready func(offset int64) (io.Reader, error)) (leaseEnd time.Time, err error)

	// Open returns a reader of a shard at its first byte, to be closed, and
	// the shard's length. wire.ErrNotFound.
	Open(id shard.ID) (r io.ReadSeekCloser, length int64, err error)

	// Held returns at most limit shards of the owner's, those past the cursor
	// after (nil: from the first), and the cursor of the next page, nil when
	// there is none, of at most 128 bytes. wire.ErrBadRequest for a cursor
	// that cannot be its own.
	Held(owner ed25519.PublicKey, after []byte, limit int) (rows []shard.Held, next []byte, err error)

	// Delete drops the file's leases and refuses its offers from now on. It
	// returns how many shards it dropped: 0 when called again.
	Delete(grant shard.Grant) (shards int, err error)
}
