package exchange

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// PutNote gives a host a note, of which terms are what n.Note says, and returns
// its receipt, which holds for this very note at this host. [wire.ErrStale]
// means that the host has a newer one of the same writer, or another one of
// the same number.
func (c *Client) PutNote(ctx context.Context, p peer.ID, n shard.SignedNote, terms shard.Note) (shard.NoteReceipt, error) {
	signed, err := c.putNote(ctx, p, n, terms)
	if err != nil {
		return shard.NoteReceipt{}, fmt.Errorf("note to %s: %w", p, err)
	}
	receipt, err := shard.OpenNoteReceipt(signed, p, c.mesh, terms)
	if err == nil {
		err = receipt.Timely(time.Now())
	}
	if err != nil {
		return shard.NoteReceipt{}, fmt.Errorf("note to %s: %w: %w", p, ErrProtocol, err)
	}
	return receipt, nil
}

func (c *Client) putNote(ctx context.Context, p peer.ID, n shard.SignedNote, terms shard.Note) (wire.Signed, error) {
	if err := terms.Check(n.Blob); err != nil {
		return wire.Signed{}, err
	}
	call, err := c.open(ctx, p)
	if err != nil {
		return wire.Signed{}, err
	}
	_, payload, err := call.request(c.timeouts.Answer, opNotePut, noteMessage{n.Grant, n.Note}, map[byte]int{ansReady: maxAnswer})
	if err == nil {
		payload, err = c.pushWhole(call, payload, int64(len(n.Blob)), ansKept, func(w io.Writer) error { return write(w, n.Blob, nil) })
	}
	var m receiptMessage
	if err == nil {
		err = decode(payload, &m)
	}
	return m.Receipt, call.end(err)
}

// pushWhole is push for what no host has a part of.
func (c *Client) pushWhole(call *call, ready []byte, length int64, kind byte, send func(io.Writer) error) ([]byte, error) {
	var m readyMessage
	if err := decode(ready, &m); err != nil {
		return nil, err
	}
	if m.Offset != 0 {
		return nil, fmt.Errorf("%w: READY at %d, where nothing can be kept", ErrProtocol, m.Offset)
	}
	return c.push(call, length, kind, send)
}

// Notes returns the notes that a host keeps under a locator, at most
// [shard.MaxWriters]: those whose grant, signature and blob hold together and
// are of this locator and mesh. Anybody can make a grant of any locator: whose
// the notes are is for the caller to tell, by the admin key of their grant.
func (c *Client) Notes(ctx context.Context, p peer.ID, l shard.Locator) ([]shard.SignedNote, error) {
	all, err := c.notes(ctx, p, l)
	if err != nil {
		return nil, fmt.Errorf("notes of %s: %w", p, err)
	}
	var good []shard.SignedNote
	for _, n := range all {
		if checkNote(n, l, c.mesh) == nil {
			good = append(good, n)
		}
	}
	return good, nil
}

func (c *Client) notes(ctx context.Context, p peer.ID, l shard.Locator) ([]shard.SignedNote, error) {
	call, err := c.open(ctx, p)
	if err != nil {
		return nil, err
	}
	var notes []shard.SignedNote
	_, payload, err := call.request(c.timeouts.Idle, opNoteGet, noteGetMessage{l}, map[byte]int{ansNotes: maxHeld})
	if err == nil {
		notes, err = c.readNotes(call, payload)
	}
	return notes, call.end(err)
}

// readNotes reads the blobs that a NOTES announces. Their lengths are what the
// notes say, whoever signed them.
func (c *Client) readNotes(call *call, header []byte) ([]shard.SignedNote, error) {
	var m notesMessage
	if err := decode(header, &m); err != nil {
		return nil, err
	}
	if len(m.Notes) > shard.MaxWriters {
		return nil, fmt.Errorf("%w: %d notes", ErrProtocol, len(m.Notes))
	}
	lengths := make([]uint32, len(m.Notes))
	for i, n := range m.Notes {
		var terms shard.Note
		if err := decode(n.Note.Body, &terms); err != nil {
			return nil, err
		}
		if terms.Length == 0 || terms.Length > shard.MaxNote {
			return nil, fmt.Errorf("%w: note of %d bytes", ErrProtocol, terms.Length)
		}
		lengths[i] = terms.Length
	}
	blobs, err := c.readParts(call, lengths)
	if err != nil {
		return nil, err
	}
	notes := make([]shard.SignedNote, len(blobs))
	for i, blob := range blobs {
		notes[i] = shard.SignedNote{Grant: m.Notes[i].Grant, Note: m.Notes[i].Note, Blob: blob}
	}
	return notes, nil
}

func checkNote(n shard.SignedNote, l shard.Locator, mesh string) error {
	g, err := shard.OpenGrant(n.Grant, mesh)
	if err != nil {
		return err
	}
	if g.Locator != l {
		return wire.ErrBadSignature.With("a note of another locator")
	}
	terms, err := shard.OpenNote(n.Note, g, shard.GrantDigest(n.Grant))
	if err != nil {
		return err
	}
	return terms.Check(n.Blob)
}
