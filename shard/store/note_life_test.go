package store

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func locators(t testing.TB, s *Store) (all []shard.Locator) {
	t.Helper()
	for l, err := range s.Locators(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, l)
	}
	return all
}

// TestNotesEnd lets notes and a shard of one file end at their own times: the
// file is announced as long as any is here.
func TestNotesEnd(t *testing.T) {
	var clock testClock
	var told []shard.Locator
	h := newHome(t, clock.use, func(s *Store) { s.stored = func(l shard.Locator) { told = append(told, l) } })
	o := newOwner(t, 1)
	mustPutNote(t, h.store, o.note(t, 1, 1, []byte("only a note")))
	if want := []shard.Locator{o.grant.Locator}; !slices.Equal(told, want) || !slices.Equal(locators(t, h.store), want) {
		t.Errorf("told %v, announces %v", told, locators(t, h.store))
	}
	data := randomBytes(100)
	mustReceive(t, h.store, o.lot(t, data, 0, 0), data)
	clock.pass(30 * day)
	mustPutNote(t, h.store, o.note(t, 2, 1, []byte("later")))
	left := func(want int) {
		t.Helper()
		mustExpire(t, h.store)
		if notes, _ := notesAt(t, h.store, o.grant.Locator); len(notes) != want {
			t.Errorf("%d notes, not %d", len(notes), want)
		}
		checkWhole(t, h.store)
	}
	clock.pass(30*day + GraceTime - time.Hour)
	left(2)
	clock.pass(2 * time.Hour)
	left(2)
	clock.pass(TrashTime - time.Hour)
	left(2)
	clock.pass(2 * time.Hour)
	left(1)
	if h.store.Usage().Shards != 0 || len(locators(t, h.store)) != 1 {
		t.Errorf("%d shards, announces %v", h.store.Usage().Shards, locators(t, h.store))
	}
	clock.pass(30 * day)
	left(1)
	clock.pass(TrashTime)
	left(0)
	if u := h.store.Usage(); u.Notes != 0 || len(locators(t, h.store)) != 0 {
		t.Errorf("usage %+v, announces %v", u, locators(t, h.store))
	}
}

// TestNotesInTrash lets a host believe in a wrong year: the notes are served for
// a week more, by its own clock, and whoever renews or puts one has it back.
func TestNotesInTrash(t *testing.T) {
	for name, rescue := range map[string]func(h *home, o *owner) error{
		"nothing": nil,
		"renew": func(h *home, o *owner) error {
			_, _, err := h.store.Renew(o.grant, nil, shard.LeaseDefault, nil, 10)
			return err
		},
		"same":  func(h *home, o *owner) error { _, err := h.store.PutNote(o.note(t, 1, 1, []byte("a"))); return err },
		"later": func(h *home, o *owner) error { _, err := h.store.PutNote(o.note(t, 1, 2, []byte("b"))); return err },
	} {
		t.Run(name, func(t *testing.T) {
			var clock testClock
			h := newHome(t, clock.use)
			o := newOwner(t, 1)
			mustPutNote(t, h.store, o.note(t, 1, 1, []byte("a")))
			clock.jump(1000 * day)
			mustExpire(t, h.store)
			clock.pass(2 * time.Hour)
			mustExpire(t, h.store)
			clock.pass(TrashTime - time.Hour)
			mustExpire(t, h.store)
			if notes, _ := notesAt(t, h.store, o.grant.Locator); len(notes) != 1 {
				t.Fatalf("%d notes in the trash", len(notes))
			}
			for lot := range h.store.AllNotes(t.Context()) {
				t.Errorf("leaves with a note in the trash: %v", lot.Note)
			}
			checkWhole(t, h.store)
			want := 0
			if rescue != nil {
				must(t, rescue(h, o))
				want = 1
			}
			mustExpire(t, h.store)
			clock.pass(2 * time.Hour)
			mustExpire(t, h.store)
			if notes, _ := notesAt(t, h.store, o.grant.Locator); len(notes) != want {
				t.Errorf("%d notes after it", len(notes))
			}
			checkWhole(t, h.store)
		})
	}
}

// TestNotesOutOfTrash renews for less than a note's lease has left, once the
// clock is right again: it leaves the trash, and keeps its end.
func TestNotesOutOfTrash(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o := newOwner(t, 1)
	lot := o.note(t, 1, 1, []byte("a"))
	end, err := h.store.PutNote(lot)
	must(t, err)
	clock.jump(1000 * day)
	mustExpire(t, h.store)
	clock.pass(2 * time.Hour)
	mustExpire(t, h.store)
	clock.jump(-1000 * day)
	if _, _, err := h.store.Renew(o.grant, nil, time.Hour, nil, 10); err != nil {
		t.Fatal(err)
	}
	var row noteRow
	at := noteAt{o.grant.Locator, admin(o.grant.Admin), 1}
	err = h.store.view(func(tx tx) error { _, err := tx.get(at.key(keyNote), &row); return err })
	if err != nil || row.Trash != 0 || row.End != end.Unix() {
		t.Errorf("note %+v, its lease was to end at %d: %v", row, end.Unix(), err)
	}
	checkWhole(t, h.store)
}

// TestNotesAreRenewed renews all of a file: its notes, and nobody else's.
func TestNotesAreRenewed(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o, other := newOwner(t, 1), stranger(t, 2, newOwner(t, 1).grant.Locator)
	mustPutNote(t, h.store, o.note(t, 1, 1, []byte("a")))
	mustPutNote(t, h.store, o.note(t, 2, 1, []byte("b")))
	mustPutNote(t, h.store, other.note(t, 1, 1, []byte("c")))
	for range 3 {
		clock.pass(50 * day)
		if _, _, err := h.store.Renew(o.grant, nil, shard.LeaseDefault, nil, 10); err != nil {
			t.Fatal(err)
		}
		mustExpire(t, h.store)
		checkWhole(t, h.store)
	}
	if _, blobs := notesAt(t, h.store, o.grant.Locator); len(blobs) != 2 {
		t.Errorf("left are %q", blobs)
	}
}

func TestNotesAreDeleted(t *testing.T) {
	var clock testClock
	h := newHome(t, clock.use)
	o, other := newOwner(t, 1), stranger(t, 2, newOwner(t, 1).grant.Locator)
	first := o.note(t, 1, 1, []byte("a"))
	mustPutNote(t, h.store, first)
	mustPutNote(t, h.store, other.note(t, 1, 1, []byte("c")))
	if n, err := h.store.Delete(o.grant); n != 0 || err != nil {
		t.Fatalf("deleted %d places: %v", n, err)
	}
	if _, blobs := notesAt(t, h.store, o.grant.Locator); len(blobs) != 1 || string(blobs[0]) != "c" {
		t.Errorf("left are %q", blobs)
	}
	h.reopen(t, clock.use)
	if _, err := h.store.PutNote(first); !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("a note that was deleted: %v", err)
	}
	data := randomBytes(10)
	if _, err := h.store.Receive(t.Context(), o.lot(t, data, 0, 0), sendsNothing(t)); !errors.Is(err, wire.ErrDeleted) {
		t.Errorf("an offer after only a note was deleted: %v", err)
	}
	checkWhole(t, h.store)
	clock.pass(shard.LeaseDefault + day)
	mustExpire(t, h.store)
	checkWhole(t, h.store)
	mustPutNote(t, h.store, first)
}

// TestNotesInAnyOrder compares the store with a table of what each writer put
// last.
func TestNotesInAnyOrder(t *testing.T) {
	type name struct {
		owner  byte
		writer uint32
	}
	var clock testClock
	h := newHome(t, clock.use)
	rapid.Check(t, func(r *rapid.T) {
		defer func() { // all ends
			clock.pass(shard.LeaseDefault + GraceTime + day)
			mustExpire(t, h.store)
			clock.pass(TrashTime + day)
			if mustExpire(t, h.store); h.store.Usage().Notes != 0 {
				r.Fatalf("usage %+v after all leases", h.store.Usage())
			}
		}()
		last := make(map[name]shard.Note)
		l := newOwner(t, 1).grant.Locator
		for range rapid.IntRange(1, 15).Draw(r, "steps") {
			who := name{rapid.ByteRange(1, 3).Draw(r, "owner"), rapid.Uint32Range(0, 2).Draw(r, "writer")}
			o := stranger(t, who.owner, l)
			switch rapid.SampledFrom([]string{"put", "put", "put", "renew", "delete", "pass"}).Draw(r, "step") {
			case "put":
				lot := o.note(t, who.writer, rapid.Uint64Range(0, 5).Draw(r, "seq"), []byte(rapid.StringN(1, 3, 12).Draw(r, "blob")))
				_, err := h.store.PutNote(lot)
				kept, known := last[who]
				stale := known && (lot.Note.Seq < kept.Seq || lot.Note.Seq == kept.Seq && lot.Note.Sum != kept.Sum)
				switch {
				case errors.Is(err, wire.ErrDeleted):
				case stale != errors.Is(err, wire.ErrStale), stale != (err != nil):
					r.Fatalf("number %d after %d: %v", lot.Note.Seq, kept.Seq, err)
				case !stale:
					last[who] = lot.Note
				}
			case "renew":
				if _, _, err := h.store.Renew(o.grant, nil, shard.LeaseDefault, nil, 10); err != nil && !errors.Is(err, wire.ErrDeleted) {
					r.Fatal(err)
				}
			case "delete":
				if _, err := h.store.Delete(o.grant); err != nil {
					r.Fatal(err)
				}
				for writer := range uint32(3) {
					delete(last, name{who.owner, writer})
				}
			case "pass":
				clock.pass(rapid.SampledFrom([]time.Duration{day, 3 * day}).Draw(r, "passes"))
				mustExpire(t, h.store)
			}
			notes, _ := notesAt(t, h.store, l)
			for _, n := range notes {
				if !slices.ContainsFunc(slices.Collect(maps.Values(last)), func(want shard.Note) bool { return want == n }) {
					r.Fatalf("note %+v is here, the last are %+v", n, last)
				}
			}
			if len(notes) != len(last) {
				r.Fatalf("%d notes, %d expected", len(notes), len(last))
			}
		}
		if checkWhole(t, h.store); t.Failed() {
			r.FailNow()
		}
	})
}
