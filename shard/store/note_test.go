package store

import (
	"bytes"
	"cmp"
	"crypto/ed25519"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// note is one that the owner's device signed.
func (o *owner) note(t testing.TB, writer uint32, seq uint64, blob []byte) shard.NoteLot {
	t.Helper()
	n := shard.Note{
		Grant:  shard.GrantDigest(o.signed),
		Writer: writer,
		Seq:    seq,
		Length: uint32(len(blob)),
		Sum:    blake3.Sum256(blob),
		Lease:  uint32(shard.LeaseDefault / time.Second),
	}
	signed, err := n.Sign(o.admin, testMesh)
	if err != nil {
		t.Fatal(err)
	}
	return shard.NoteLot{Peer: o.peer, Grant: o.grant, Note: n, SignedNote: shard.SignedNote{Grant: o.signed, Note: signed, Blob: blob}}
}

func mustPutNote(t testing.TB, s *Store, lot shard.NoteLot) time.Time {
	t.Helper()
	end, err := s.PutNote(lot)
	if err != nil {
		t.Fatal(err)
	}
	return end
}

// notesAt returns the notes under a locator as a reader checks them.
func notesAt(t testing.TB, s *Store, l shard.Locator) (notes []shard.Note, blobs [][]byte) {
	t.Helper()
	found, err := s.Notes(l)
	if err != nil {
		t.Fatal(err)
	}
	for _, signed := range found {
		g, err := shard.OpenGrant(signed.Grant, testMesh)
		if err != nil || g.Locator != l {
			t.Fatalf("grant for %v: %v", g.Locator, err)
		}
		n, err := shard.OpenNote(signed.Note, g, shard.GrantDigest(signed.Grant))
		if err == nil {
			err = n.Check(signed.Blob)
		}
		if err != nil {
			t.Fatal(err)
		}
		notes, blobs = append(notes, n), append(blobs, signed.Blob)
	}
	return notes, blobs
}

// stranger has keys of his own, and the owner's locator.
func stranger(t testing.TB, seed byte, l shard.Locator) *owner {
	t.Helper()
	o := newOwner(t, seed)
	o.grant.Locator = l
	signed, err := wire.Sign(o.admin, wire.Domain{Kind: "grant", Mesh: testMesh}, o.grant)
	if err != nil {
		t.Fatal(err)
	}
	o.signed = signed
	return o
}

func TestNotes(t *testing.T) {
	h := newHome(t)
	o, other := newOwner(t, 1), newOwner(t, 2)
	big := randomBytes(shard.MaxNote)
	mustPutNote(t, h.store, o.note(t, 1, 5, []byte("one")))
	mustPutNote(t, h.store, o.note(t, 2, 1, big))
	mustPutNote(t, h.store, other.note(t, 1, 9, []byte("other")))
	for range 2 {
		notes, blobs := notesAt(t, h.store, o.grant.Locator)
		if len(notes) != 2 {
			t.Fatalf("%d notes", len(notes))
		}
		if notes[0].Writer == 2 {
			slices.Reverse(notes)
			slices.Reverse(blobs)
		}
		if notes[0].Seq != 5 || string(blobs[0]) != "one" || notes[1].Seq != 1 || !bytes.Equal(blobs[1], big) {
			t.Errorf("notes %+v", notes)
		}
		if want := int64(3 + shard.MaxNote + 5 + 3*noteCost); h.store.Usage().Notes != want {
			t.Errorf("notes count as %d, not %d", h.store.Usage().Notes, want)
		}
		checkWhole(t, h.store)
		h.reopen(t)
	}
	if notes, err := h.store.Notes(shard.Locator{9}); len(notes) != 0 || err != nil {
		t.Errorf("notes under an unknown locator: %v, %v", notes, err)
	}
}

// TestNoteNumbers puts a second note of one writer.
func TestNoteNumbers(t *testing.T) {
	for name, c := range map[string]struct {
		seq  uint64
		blob string
		want error
		kept string
	}{
		"lower":           {6, "old", wire.ErrStale, "first"},
		"the same":        {7, "first", nil, "first"},
		"other, as high":  {7, "other", wire.ErrStale, "first"},
		"higher":          {8, "a longer one", nil, "a longer one"},
		"higher, as long": {9, "first", nil, "first"},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t)
			var clock testClock
			h.reopen(t, clock.use)
			o := newOwner(t, 1)
			first := mustPutNote(t, h.store, o.note(t, 3, 7, []byte("first")))
			clock.pass(time.Hour)
			end, err := h.store.PutNote(o.note(t, 3, c.seq, []byte(c.blob)))
			if !errors.Is(err, c.want) || (err == nil && end.Sub(first) < time.Hour-time.Minute) {
				t.Errorf("second note: until %s, the first until %s: %v", end, first, err)
			}
			notes, blobs := notesAt(t, h.store, o.grant.Locator)
			if len(notes) != 1 || string(blobs[0]) != c.kept {
				t.Errorf("kept %q of %+v", blobs, notes)
			}
			checkWhole(t, h.store)
			short := o.note(t, 3, 10, []byte("short"))
			short.Note.Lease = 60
			if again := mustPutNote(t, h.store, short); again.Before(end) {
				t.Errorf("a lease became shorter: %s, then %s", end, again)
			}
			checkWhole(t, h.store)
		})
	}
}

// TestStrangersNotes fills a locator with notes of the owner and of strangers.
func TestStrangersNotes(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	l := o.grant.Locator
	for writer := range uint32(shard.MaxWriters) {
		mustPutNote(t, h.store, o.note(t, writer, 1, []byte("mine")))
	}
	if _, err := h.store.PutNote(o.note(t, 99, 1, []byte("mine"))); !errors.Is(err, wire.ErrQuota) {
		t.Errorf("one writer too many: %v", err)
	}
	for i := range byte(maxAdmins) {
		s := stranger(t, 10+i, l)
		for writer := range uint32(shard.MaxWriters) {
			_, err := h.store.PutNote(s.note(t, writer, 1<<40, []byte("his")))
			if full := i == maxAdmins-1; errors.Is(err, wire.ErrQuota) != full || (err != nil) != full {
				t.Fatalf("stranger %d: %v", i, err)
			}
		}
	}
	mustPutNote(t, h.store, o.note(t, 4, 2, []byte("mine, again")))
	notes, blobs := notesAt(t, h.store, l)
	share := 0
	for _, blob := range blobs {
		if bytes.HasPrefix(blob, []byte("mine")) {
			share++
		}
	}
	if len(notes) != shard.MaxWriters || share != shard.MaxWriters/maxAdmins {
		t.Errorf("%d notes, %d of them the owner's", len(notes), share)
	}
	checkWhole(t, h.store)
	// Whose notes go makes room.
	if _, err := h.store.Delete(stranger(t, 10, l).grant); err != nil {
		t.Fatal(err)
	}
	mustPutNote(t, h.store, stranger(t, 10+maxAdmins, l).note(t, 1, 1, []byte("his")))
	checkWhole(t, h.store)
}

// TestLatestNotesFirst asks for a share of the writers: those that wrote last.
func TestLatestNotesFirst(t *testing.T) {
	h := newHome(t)
	var clock testClock
	h.reopen(t, clock.use)
	o := newOwner(t, 1)
	s := stranger(t, 2, o.grant.Locator)
	for writer := range uint32(shard.MaxWriters) {
		clock.pass(time.Minute)
		mustPutNote(t, h.store, o.note(t, writer, 1, []byte("mine")))
		mustPutNote(t, h.store, s.note(t, writer, 1, []byte("his")))
	}
	clock.pass(time.Minute)
	mustPutNote(t, h.store, o.note(t, 0, 2, []byte("mine")))
	var writers []uint32
	notes, blobs := notesAt(t, h.store, o.grant.Locator)
	for i, n := range notes {
		if string(blobs[i]) == "mine" {
			writers = append(writers, n.Writer)
		}
	}
	if want := []uint32{0, 15, 14, 13, 12, 11, 10, 9}; !slices.Equal(writers, want) {
		t.Errorf("the owner's share is of writers %v, not %v", writers, want)
	}
}

func TestBadNotes(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	mustPutNote(t, h.store, o.note(t, 1, 1, []byte("good")))
	for name, c := range map[string]struct {
		edit func(*shard.NoteLot)
		want error
	}{
		"other bytes":   {func(l *shard.NoteLot) { l.Blob = []byte("evil") }, wire.ErrDamaged},
		"cut":           {func(l *shard.NoteLot) { l.Blob = l.Blob[:2] }, wire.ErrDamaged},
		"empty":         {func(l *shard.NoteLot) { l.Note.Length, l.Blob = 0, nil }, wire.ErrTooBig},
		"too long":      {func(l *shard.NoteLot) { l.Note.Length = shard.MaxNote + 1 }, wire.ErrTooBig},
		"no lease":      {func(l *shard.NoteLot) { l.Note.Lease = 0 }, wire.ErrBadRequest},
		"too late":      {func(l *shard.NoteLot) { l.Note.Lease = 1<<32 - 1 }, wire.ErrBadRequest},
		"no key":        {func(l *shard.NoteLot) { l.Grant.Admin = nil }, wire.ErrBadRequest},
		"another grant": {func(l *shard.NoteLot) { l.SignedNote.Grant.Body = []byte("x") }, wire.ErrBadRequest},
	} {
		lot := o.note(t, 2, 1, []byte("next"))
		c.edit(&lot)
		if _, err := h.store.PutNote(lot); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if notes, _ := notesAt(t, h.store, o.grant.Locator); len(notes) != 1 {
		t.Errorf("%d notes", len(notes))
	}
	checkWhole(t, h.store)
}

// TestNoteQuotas lets each bound refuse notes, also when many come at once.
func TestNoteQuotas(t *testing.T) {
	const size = 10_000
	near := netip.MustParsePrefix("192.0.2.0/24")
	for name, c := range map[string]struct {
		edit func(*Store)
		want error
	}{
		"peer":     {func(s *Store) { s.perPeer = 3*(size+noteCost) + 10 }, wire.ErrQuota},
		"network":  {func(s *Store) { s.perPrefix = 3*(size+noteCost) + 10 }, wire.ErrQuota},
		"capacity": {func(s *Store) { s.capacity = 3*(size+noteCost) + 10 }, wire.ErrFull},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHome(t, c.edit)
			o := newOwner(t, 1)
			put := func(writer uint32, seq uint64) error {
				lot := o.note(t, writer, seq, randomBytes(size))
				lot.From = near
				_, err := h.store.PutNote(lot)
				return err
			}
			errs := make([]error, 8)
			var wg sync.WaitGroup
			for i := range errs {
				wg.Go(func() { errs[i] = put(uint32(i), 1) })
			}
			wg.Wait()
			refused := slices.DeleteFunc(slices.Clone(errs), func(err error) bool { return err == nil })
			if len(refused) != 5 || slices.ContainsFunc(refused, func(err error) bool { return !errors.Is(err, c.want) }) {
				t.Errorf("refused %v", errs)
			}
			checkWhole(t, h.store)
			first := uint32(slices.Index(errs, nil))
			if err := put(first, 2); err != nil {
				t.Errorf("in the place of an earlier one: %v", err)
			}
			if _, err := h.store.Delete(o.grant); err != nil {
				t.Fatal(err)
			}
			o = newOwner(t, 2)
			o.peer = peerOf(t, 1)
			if err := cmp.Or(put(1, 1), put(2, 1), put(3, 1)); err != nil {
				t.Errorf("after a delete: %v", err)
			}
			checkWhole(t, h.store)
		})
	}
}

// TestNoteOfAnotherPeer lets a keeper put the next note: it is charged then.
func TestNoteOfAnotherPeer(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	lot := o.note(t, 1, 1, randomBytes(1000))
	mustPutNote(t, h.store, lot)
	next := o.note(t, 1, 2, randomBytes(3000))
	next.Peer, next.From = peerOf(t, 9), netip.MustParsePrefix("2001:db8::/48")
	mustPutNote(t, h.store, next)
	checkWhole(t, h.store)
	for lot, err := range h.store.AllNotes(t.Context()) {
		if err != nil || lot.Peer != next.Peer || lot.From != next.From || lot.Note != next.Note || !bytes.Equal(lot.Blob, next.Blob) {
			t.Errorf("note of %v from %v: %v", lot.Peer, lot.From, err)
		}
		if !lot.Grant.Admin.Equal(ed25519.PublicKey(o.grant.Admin)) {
			t.Error("another admin key")
		}
	}
}

// TestManyBigNotes puts more at once than one transaction takes.
func TestManyBigNotes(t *testing.T) {
	h := newHome(t)
	var wg sync.WaitGroup
	for i := range byte(40) {
		wg.Go(func() {
			if _, err := h.store.PutNote(newOwner(t, i+1).note(t, 1, 1, randomBytes(shard.MaxNote))); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if got := h.store.Usage().Notes; got != 40*(shard.MaxNote+noteCost) {
		t.Errorf("40 notes count as %d", got)
	}
	checkWhole(t, h.store)
}

// Strangers who were first with all the keys that a locator has room for keep out
// another stranger, and no owner who has shards here. With shards they have no
// more places than without.
func TestStrangersCannotKeepAnOwnerOut(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	l := o.grant.Locator
	bring := func(o *owner) {
		t.Helper()
		data := randomBytes(100)
		mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	}
	refused := func(who string, lot shard.NoteLot) {
		t.Helper()
		if _, err := h.store.PutNote(lot); !errors.Is(err, wire.ErrQuota) {
			t.Errorf("%s: %v", who, err)
		}
	}
	for i := range byte(maxAdmins) {
		mustPutNote(t, h.store, stranger(t, 10+i, l).note(t, 1, 1, []byte("his")))
	}
	refused("an owner without shards", o.note(t, 1, 1, []byte("ours")))
	bring(o)
	mustPutNote(t, h.store, o.note(t, 1, 1, []byte("ours")))
	if notes, _ := notesAt(t, h.store, l); len(notes) != maxAdmins+1 {
		t.Errorf("%d notes are given out", len(notes))
	}
	refused("one more stranger", stranger(t, 20, l).note(t, 1, 1, []byte("his")))
	for i := range byte(maxAdmins) {
		s := stranger(t, 30+i, l)
		bring(s)
		if i < maxAdmins-1 {
			mustPutNote(t, h.store, s.note(t, 1, 1, []byte("his")))
		} else {
			refused("one more stranger with a shard", s.note(t, 1, 1, []byte("his")))
		}
	}
	for i := range byte(maxAdmins) { // those of the first now have shards, and their places are free
		bring(stranger(t, 10+i, l))
	}
	refused("one more stranger than there are places at all", stranger(t, 40, l).note(t, 1, 1, []byte("his")))
	mustPutNote(t, h.store, o.note(t, 1, 2, []byte("ours still")))
}
