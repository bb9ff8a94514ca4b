package exchange

import (
	"context"
	"fmt"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// PutNote gives a host a note, whose terms are what n.Note says, and returns
// its receipt, which holds for this very note. [wire.ErrStale] means that the
// host has a newer one of the same writer, or another one of the same number.
func (c *Client) PutNote(ctx context.Context, p peer.ID, n shard.SignedNote, terms shard.Note) (shard.NoteReceipt, error) {
	return shard.NoteReceipt{}, fmt.Errorf("note to %s: %w", p, wire.ErrUnsupported)
}

// Notes returns the notes that a host keeps under a locator, at most
// [shard.MaxWriters]: those whose grant, signature and blob hold together and
// are of this locator and mesh. Anybody can make a grant of any locator: whose
// the notes are is for the caller to tell, by the admin key of the grant.
func (c *Client) Notes(ctx context.Context, p peer.ID, l shard.Locator) ([]shard.SignedNote, error) {
	return nil, fmt.Errorf("notes of %s: %w", p, wire.ErrUnsupported)
}

// notePut takes in one note.
func (s *Server) notePut(ctx context.Context, r *request) error {
	return wire.ErrUnsupported
}

// noteGet gives out the notes of a locator.
func (s *Server) noteGet(_ context.Context, r *request) error {
	return wire.ErrUnsupported
}
