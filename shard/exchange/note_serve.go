package exchange

import (
	"context"
	"fmt"
	"io"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// notePut takes in one note.
func (s *Server) notePut(_ context.Context, r *request) error {
	lot, err := openNote(r, s.cfg.Mesh)
	if err != nil {
		return err
	}
	length := int64(lot.Note.Length)
	done, err := s.begin(r, &s.in, "in", length)
	if err != nil {
		return err
	}
	defer done()
	in, err := s.take(r, 0, length)
	if err != nil {
		return err
	}
	lot.Blob = make([]byte, length)
	if _, err := io.ReadFull(in, lot.Blob); err != nil {
		return err
	}
	if err := lot.Note.Check(lot.Blob); err != nil {
		return err
	}
	leaseEnd, err := s.cfg.Store.PutNote(lot)
	if err != nil {
		return fmt.Errorf("note: %w", err)
	}
	receipt, err := shard.NoteReceipt{
		Grant: lot.Note.Grant, Writer: lot.Note.Writer, Seq: lot.Note.Seq, Sum: lot.Note.Sum,
		LeaseEnd: leaseEnd.Unix(),
		Host:     s.cfg.Host.ID(),
		Time:     s.cfg.Now().Unix(),
	}.Sign(s.cfg.Key, s.cfg.Mesh)
	if err != nil {
		return err
	}
	return s.reply(r, ansKept, receiptMessage{receipt})
}

// openNote verifies all that a NOTE_PUT says.
func openNote(r *request, mesh string) (shard.NoteLot, error) {
	var m noteMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return shard.NoteLot{}, err
	}
	g, err := shard.OpenGrant(m.Grant, mesh)
	if err != nil {
		return shard.NoteLot{}, err
	}
	n, err := shard.OpenNote(m.Note, g, shard.GrantDigest(m.Grant))
	if err != nil {
		return shard.NoteLot{}, err
	}
	return shard.NoteLot{
		Peer: r.peer, From: r.from, Grant: g, Note: n,
		SignedNote: shard.SignedNote{Grant: m.Grant, Note: m.Note},
	}, nil
}

// noteGet gives out the notes of a locator.
func (s *Server) noteGet(_ context.Context, r *request) error {
	var m noteGetMessage
	if err := wire.Unmarshal(r.payload, &m); err != nil {
		return err
	}
	if err := s.answers.enter(r.peer, r.from, 0); err != nil {
		return err
	}
	defer s.answers.leave(r.peer, r.from, 0)
	notes, err := s.cfg.Store.Notes(m.Locator)
	if err != nil {
		return fmt.Errorf("notes: %w", err)
	}
	if len(notes) > shard.MaxWriters {
		return fmt.Errorf("notes: store gave %d", len(notes))
	}
	answer, blobs := notesMessage{make([]noteMessage, len(notes))}, make([][]byte, len(notes))
	for i, n := range notes {
		answer.Notes[i], blobs[i] = noteMessage{n.Grant, n.Note}, n.Blob
	}
	if err := s.reply(r, ansNotes, answer); err != nil {
		return err
	}
	return s.sendParts(r, blobs)
}
