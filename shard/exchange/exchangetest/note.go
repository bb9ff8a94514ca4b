package exchangetest

import (
	"bytes"
	"crypto/ed25519"
	"io"
	"time"

	"github.com/libp2p/go-libp2p/core/network"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// noteFrame is a note in a NOTE_PUT or a NOTES.
type noteFrame struct {
	Grant wire.Signed `cbor:"1,keyasint"`
	Note  wire.Signed `cbor:"2,keyasint"`
}

// notePut keeps every note that it is given, in the order in which they came.
func (l *Liar) notePut(s network.Stream, payload []byte) {
	var m noteFrame
	var n shard.Note
	if wire.Unmarshal(payload, &m) != nil || wire.Unmarshal(m.Note.Body, &n) != nil || n.Length > shard.MaxNote {
		_ = wire.WriteError(s, wire.ErrBadRequest)
		return
	}
	l.say(s, ready, map[int]any{1: 0})
	blob := make([]byte, n.Length)
	if _, err := io.ReadFull(s, blob); err != nil {
		return
	}
	l.mu.Lock()
	l.notes = append(l.notes, shard.SignedNote{Grant: m.Grant, Note: m.Note, Blob: blob})
	l.mu.Unlock()
	l.say(s, keptNote, map[int]any{1: l.noteReceipt(n)})
}

func (l *Liar) noteReceipt(n shard.Note) wire.Signed {
	now := time.Now().Unix()
	key, end := l.key, now+int64(n.Lease)
	switch l.trick {
	case ForgesReceipt:
		key = stranger()
	case ShortLease:
		end = now + 60
	case ReplaysReceipt:
		n.Seq--
	}
	signed, err := shard.NoteReceipt{
		Grant: n.Grant, Writer: n.Writer, Seq: n.Seq, Sum: n.Sum, LeaseEnd: end, Host: l.host.ID(), Time: now,
	}.Sign(key, l.mesh)
	if err != nil {
		panic("exchangetest: internal error: " + err.Error())
	}
	return signed
}

func (l *Liar) noteGet(s network.Stream, payload []byte) {
	var m struct {
		Locator shard.Locator `cbor:"1,keyasint"`
	}
	if wire.Unmarshal(payload, &m) != nil {
		_ = wire.WriteError(s, wire.ErrBadRequest)
		return
	}
	frames, blobs := []noteFrame{}, []byte{}
	for _, n := range l.under(m.Locator) {
		frames, blobs = append(frames, noteFrame{n.Grant, n.Note}), append(blobs, n.Blob...)
	}
	for l.trick == SendsManyNotes && len(frames) > 0 && len(frames) <= shard.MaxWriters {
		frames = append(frames, frames[0])
	}
	l.say(s, notes, map[int]any{1: frames})
	_, _ = s.Write(blobs)
}

// under returns the newest note under a locator, or what the trick makes of it.
func (l *Liar) under(at shard.Locator) []shard.SignedNote {
	l.mu.Lock()
	defer l.mu.Unlock()
	var found []shard.SignedNote
	for _, n := range l.notes {
		var g shard.Grant
		if wire.Unmarshal(n.Grant.Body, &g) == nil && g.Locator == at {
			found = append(found, n)
		}
	}
	if len(found) == 0 {
		return nil
	}
	n := found[len(found)-1]
	switch l.trick {
	case SendsStaleNotes:
		n = found[0]
	case SendsForgedNotes:
		n.Note.Sig = bytes.Repeat([]byte{7}, len(n.Note.Sig))
	case SendsDamagedNotes:
		n.Blob = append([]byte(nil), n.Blob...)
		n.Blob[0] ^= 1
	case SendsStrangeNotes:
		n = l.strange(at, n)
	case SendsOtherNotes:
		n = l.strange(shard.Locator{1}, n)
	case SendsHugeNotes:
		n = huge(n)
	}
	return []shard.SignedNote{n}
}

// strange returns a note of somebody else's under a locator, with all
// signatures in order: anybody can make one.
func (l *Liar) strange(at shard.Locator, n shard.SignedNote) shard.SignedNote {
	key := stranger()
	public := key.Public().(ed25519.PublicKey)
	g := shard.Grant{Admin: public, Repair: public, Locator: at, Mesh: l.mesh}
	grant, err := wire.Sign(key, wire.Domain{Kind: "grant", Mesh: l.mesh}, g)
	if err != nil {
		panic("exchangetest: internal error: " + err.Error())
	}
	var terms shard.Note
	_ = wire.Unmarshal(n.Note.Body, &terms)
	terms.Grant, terms.Seq = shard.GrantDigest(grant), terms.Seq+1000
	note, err := terms.Sign(key, l.mesh)
	if err != nil {
		panic("exchangetest: internal error: " + err.Error())
	}
	return shard.SignedNote{Grant: grant, Note: note, Blob: n.Blob}
}

// huge returns n with a note that declares far too many bytes.
func huge(n shard.SignedNote) shard.SignedNote {
	var terms shard.Note
	_ = wire.Unmarshal(n.Note.Body, &terms)
	terms.Length = 1 << 31
	n.Note.Body, _ = wire.Marshal(terms)
	return n
}
