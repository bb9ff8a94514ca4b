package exchange_test

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
	"github.com/batchain/batchain/shard/exchange/exchangetest"
	"github.com/batchain/batchain/wire"
)

func TestNotes(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	if notes, err := c.Notes(t.Context(), id, f.grant.Locator); err != nil || len(notes) != 0 {
		t.Fatalf("before any: %d notes, %v", len(notes), err)
	}
	last := map[uint32][]byte{}
	for seq, size := range []int{1, 100, shard.MaxNote} {
		for writer := range uint32(2) {
			note, terms := f.note(t, writer, uint64(seq), noise(uint64(size)+uint64(writer), size))
			for range 2 { // the same again is no news
				r, err := c.PutNote(t.Context(), id, note, terms)
				if err != nil || r.Seq != uint64(seq) || r.Writer != writer || r.Host != id {
					t.Fatalf("note of %d bytes: %+v, %v", size, r, err)
				}
			}
			last[writer] = note.Blob
		}
	}
	notes, err := c.Notes(t.Context(), id, f.grant.Locator)
	if err != nil || len(notes) != 2 {
		t.Fatalf("%d notes, %v", len(notes), err)
	}
	for _, got := range notes {
		terms, err := shard.OpenNote(got.Note, f.grant, shard.GrantDigest(f.signed))
		if err != nil || terms.Seq != 2 || !bytes.Equal(got.Blob, last[terms.Writer]) {
			t.Errorf("%+v of %d bytes, %v", terms, len(got.Blob), err)
		}
	}
	if notes, err := c.Notes(t.Context(), id, newFile(t).grant.Locator); err != nil || len(notes) != 0 {
		t.Errorf("another locator: %d notes, %v", len(notes), err)
	}
}

func TestNotesRefused(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, other, id := newFile(t), newFile(t), n.host.ID()
	put := func(note shard.SignedNote, terms shard.Note) error {
		_, err := c.PutNote(t.Context(), id, note, terms)
		return err
	}
	newest, terms := f.note(t, 1, 9, []byte("newest"))
	if err := put(newest, terms); err != nil {
		t.Fatal(err)
	}
	if err := put(f.note(t, 1, 8, []byte("older"))); !errors.Is(err, wire.ErrStale) {
		t.Errorf("an older one: %v, want ErrStale", err)
	}
	if err := put(f.note(t, 1, 9, []byte("twin"))); !errors.Is(err, wire.ErrStale) {
		t.Errorf("another of the same number: %v, want ErrStale", err)
	}
	foreign := newest
	foreign.Grant = other.signed
	if err := put(foreign, terms); !errors.Is(err, wire.ErrBadSignature) {
		t.Errorf("under another grant: %v, want ErrBadSignature", err)
	}
	forged, forgedTerms := f.note(t, 1, 10, []byte("forged"))
	forged.Note.Sig = bytes.Clone(forged.Note.Sig)
	forged.Note.Sig[3] ^= 1
	if err := put(forged, forgedTerms); !errors.Is(err, wire.ErrBadSignature) {
		t.Errorf("forged: %v, want ErrBadSignature", err)
	}
	byRepairer, repairerTerms := f.note(t, 1, 10, []byte("by the repair key"))
	byRepairer.Note, _ = repairerTerms.Sign(f.seed.FileKey(f.id).RepairKey(), mesh)
	if err := put(byRepairer, repairerTerms); !errors.Is(err, wire.ErrBadSignature) {
		t.Errorf("by the repair key: %v, want ErrBadSignature", err)
	}
	damaged, damagedTerms := f.note(t, 1, 11, []byte("damaged"))
	damaged.Blob = []byte("d4maged")
	if err := put(damaged, damagedTerms); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("damaged before it left: %v, want ErrDamaged", err)
	}
	damagedTerms.Sum = shard.Digest(shard.Sum(damaged.Blob)) // the client believes it, the host does not
	if err := put(damaged, damagedTerms); !errors.Is(err, wire.ErrDamaged) {
		t.Errorf("damaged: %v, want ErrDamaged", err)
	}
	for size, want := range map[int]error{0: wire.ErrTooBig, shard.MaxNote + 1: wire.ErrTooBig} {
		if err := put(f.note(t, 1, 12, make([]byte, size))); !errors.Is(err, want) {
			t.Errorf("%d bytes: %v, want %v", size, err, want)
		}
	}
	if _, err := c.Delete(t.Context(), id, f.signed, f.order(t, shard.OrderDelete, id, time.Hour, nil)); err != nil {
		t.Fatal(err)
	}
	if notes, err := c.Notes(t.Context(), id, f.grant.Locator); err != nil || len(notes) != 0 {
		t.Errorf("after DELETE: %d notes, %v", len(notes), err)
	}
	if err := put(newest, terms); !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("after DELETE: %v, want ErrDeleted", err)
	}
}

// Notes of as many writers as may be, each as large as may be, come in one answer.
func TestManyNotes(t *testing.T) {
	n := serve(t, nil)
	c, _ := dialler(t, exchange.Timeouts{}, n.host)
	f, id := newFile(t), n.host.ID()
	for writer := range uint32(shard.MaxWriters + 1) {
		note, terms := f.note(t, writer, 1, noise(uint64(writer), shard.MaxNote))
		_, err := c.PutNote(t.Context(), id, note, terms)
		if full := writer == shard.MaxWriters; full != errors.Is(err, wire.ErrQuota) || (!full && err != nil) {
			t.Fatalf("writer %d: %v", writer, err)
		}
	}
	if notes, err := c.Notes(t.Context(), id, f.grant.Locator); err != nil || len(notes) != shard.MaxWriters {
		t.Errorf("%d notes, %v", len(notes), err)
	}
}

func TestPutNoteAtLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]error{
		exchangetest.ForgesReceipt:  wire.ErrBadSignature,
		exchangetest.ReplaysReceipt: wire.ErrBadSignature, // of an older note
		exchangetest.ShortLease:     exchange.ErrProtocol,
		exchangetest.NeverAnswers:   wire.ErrTimeout,
		exchangetest.HugeFrame:      exchange.ErrProtocol,
		exchangetest.HangsUp:        nil, // some error
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			note, terms := f.note(t, 1, 1, []byte("note"))
			if _, err := c.PutNote(t.Context(), net.LocalPeer(), note, terms); err == nil || (want != nil && !errors.Is(err, want)) {
				t.Errorf("PutNote: %v, want %v", err, want)
			}
		})
	}
}

func TestNotesOfLiar(t *testing.T) {
	for trick, want := range map[exchangetest.Trick]struct {
		notes int
		err   error
	}{
		honest:                         {1, nil},
		exchangetest.SendsStaleNotes:   {1, nil}, // the caller asks several hosts
		exchangetest.SendsStrangeNotes: {1, nil}, // the caller knows the admin key
		exchangetest.SendsForgedNotes:  {0, nil},
		exchangetest.SendsDamagedNotes: {0, nil},
		exchangetest.SendsOtherNotes:   {0, nil},
		exchangetest.SendsManyNotes:    {0, exchange.ErrProtocol},
		exchangetest.SendsHugeNotes:    {0, exchange.ErrProtocol},
		exchangetest.Malformed:         {0, exchange.ErrProtocol},
	} {
		t.Run(string(trick), func(t *testing.T) {
			c, _, net, f := liar(t, trick)
			for seq := range uint64(2) {
				note, terms := f.note(t, 1, seq, noise(seq, 1000))
				_, _ = c.PutNote(t.Context(), net.LocalPeer(), note, terms)
			}
			notes, err := c.Notes(t.Context(), net.LocalPeer(), f.grant.Locator)
			if len(notes) != want.notes || !errors.Is(err, want.err) {
				t.Fatalf("%d notes, %v; want %+v", len(notes), err, want)
			}
			if len(notes) == 0 {
				return
			}
			terms, err := shard.OpenNote(notes[0].Note, f.grant, shard.GrantDigest(f.signed))
			if stranger := trick == exchangetest.SendsStrangeNotes; stranger != (err != nil) {
				t.Errorf("opens under the owner's grant: %v", err)
			}
			if stale := trick == exchangetest.SendsStaleNotes; err == nil && stale != (terms.Seq == 0) {
				t.Errorf("number %d", terms.Seq)
			}
		})
	}
}
