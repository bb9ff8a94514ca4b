package exchange

import (
	"context"
	"crypto/ed25519"
	"io"
	"net/netip"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// Store is what a [Server] serves from. Its methods are called by many
// goroutines at once. An error that wraps a [wire.Error] reaches the peer with
// its code and message; of any other the peer learns only [wire.ErrInternal].
type Store interface {
	// Hold promises bytes to asker for a minute and says how many are free
	// for it. With 0 bytes it only says that. from is the IPv4 /24 or IPv6 /48
	// that it speaks from, the zero Prefix on loopback. wire.ErrFull and
	// wire.ErrQuota come with free.
	Hold(asker peer.ID, from netip.Prefix, bytes int64) (free int64, err error)

	// Receive takes in one shard and returns once it is durable. It calls
	// ready at most once, with how many bytes it has kept from an earlier
	// try, and reads the others from what ready returns; an error of either
	// is returned, wrapped. For a shard that this very owner (lot.Grant.Admin)
	// has here it grants the lease and never calls ready. wire.ErrInProgress
	// means that the same lot is being received by another call. The lease of a
	// draft (lot.Draft) ends a day from now unless Renew confirms it, whatever
	// leaseEnd promises.
	Receive(ctx context.Context, lot shard.Lot, ready func(offset int64) (io.Reader, error)) (leaseEnd time.Time, err error)

	// Open returns a reader of a shard at its first byte, to be closed, and
	// the shard's length. wire.ErrNotFound.
	Open(id shard.ID) (r io.ReadSeekCloser, length int64, err error)

	// Held returns at most limit shards of the owner's, those past the cursor
	// after (nil: from the first), and the cursor of the next page, nil when
	// there is none, of at most 128 bytes. wire.ErrBadRequest for a cursor
	// that cannot be its own.
	Held(owner ed25519.PublicKey, after []byte, limit int) (rows []shard.Held, next []byte, err error)

	// Prove returns the bao slice of one leaf of a shard, of at most
	// shard.MaxSlice bytes, that [shard.VerifyLeaf] takes. wire.ErrNotFound;
	// wire.ErrDamaged for bytes that cannot be read or do not match any more;
	// wire.ErrBadRequest for a leaf that the shard does not have.
	Prove(id shard.ID, leaf uint32) (slice []byte, err error)

	// Renew prolongs leases of the file to lease from now: those at spots, or,
	// where there are none, at most limit of all past the cursor after, and
	// the file's notes. A lease never gets shorter, a draft is none any more, a
	// lease that has ended but is still here lives again. It returns the rows
	// that now stand, without the spots that are not here, and the cursor of
	// the next page as Held does. wire.ErrDeleted, wire.ErrBadRequest.
	Renew(grant shard.Grant, spots []shard.Spot, lease time.Duration, after []byte, limit int) (rows []shard.Held, next []byte, err error)

	// PutNote keeps a note once it is durable, in place of an older one of the
	// same owner and writer. wire.ErrStale when a newer one is here, or
	// another one of the same Seq; the same one again only renews it.
	// wire.ErrQuota, wire.ErrFull, wire.ErrDeleted.
	PutNote(lot shard.NoteLot) (leaseEnd time.Time, err error)

	// Notes returns the notes kept under a locator, at most shard.MaxWriters,
	// none if there are none.
	Notes(l shard.Locator) ([]shard.SignedNote, error)

	// Delete drops the file's leases and notes and refuses its offers and
	// notes from now on. It returns how many shards it dropped: 0 when called
	// again.
	Delete(grant shard.Grant) (shards int, err error)
}

// Keeper is what a host that looks after other people's files does when it is
// asked to. Its methods are called by many goroutines at once; their errors
// reach the peer as a [Store]'s do.
type Keeper interface {
	// Keep takes a charge that holds together (see [shard.Charge.Open]) from a
	// peer and the network it speaks from (zero on loopback), and returns once
	// it is durable. It reads exactly c.Manifest bytes. c holds a secret key.
	// wire.ErrQuota, wire.ErrFull, wire.ErrBadRequest, wire.ErrDeleted.
	Keep(ctx context.Context, from peer.ID, network netip.Prefix, c shard.Charge, manifest io.Reader) error

	// Turn says how the file fares here, to one who signed with its repair
	// key; keeps: he signed that he is a keeper of it, too. wire.ErrNotFound
	// when it is not kept here.
	Turn(ctx context.Context, from peer.ID, grant shard.Grant, keeps bool) (shard.Turn, error)

	// Forget drops the charge of a file that its owner has deleted, if there
	// is one, and refuses it from now on.
	Forget(grant shard.Grant) error
}
