package catalogue

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

func TestPageOverflow(t *testing.T) {
	const files = 10_000
	b := newBed(t, 10)
	one := b.device(1)
	var ids []shard.FileID
	check(t, one.change(func(s *state) {
		for i := range files {
			id := shard.NewFileID()
			ids = append(ids, id)
			r := row{File: id, Added: 1_800_000_000 + int64(i), Noted: elsewhere}
			if i%10 == 0 {
				r.Of = shard.NewFileID() // the largest rows
			}
			s.add(r)
		}
	}))
	pages := len(one.look().Pages)
	if pages < 4 {
		t.Fatalf("%d pages", pages)
	}
	if r := one.publish(); r.Hosts != wanted {
		t.Errorf("published %+v", r)
	}
	for i := range pages {
		if at := b.holders(b.seed.CatalogueID(uint32(i))); len(at) != wanted {
			t.Errorf("%d hosts have page %d", len(at), i)
		}
	}
	two := b.device(2)
	if _, err := two.gather(t.Context(), &candidates{c: two.Catalogue}, 1); err != nil {
		t.Fatal(err)
	}
	sameFiles(t, two, ids)
	if len(two.look().Pages) != pages {
		t.Errorf("%d pages at home, %d on the mesh", len(two.look().Pages), pages)
	}

	// What is on a page stays there, and one change writes one page.
	where := one.look().at
	_, err := one.Remove(ids[1])
	check(t, err)
	added := one.put(1, b.boxes[:4]...)
	dirty := 0
	for _, p := range one.look().Pages {
		if p.Dirty {
			dirty++
		}
	}
	if dirty > 2 {
		t.Errorf("%d pages are to be written", dirty)
	}
	for id, at := range where {
		if one.look().at[id] != at {
			t.Fatal("a row changed its place")
		}
		break
	}
	one.publish()
	fresh := b.device(3)
	_, err = fresh.gather(t.Context(), &candidates{c: fresh.Catalogue}, 1)
	check(t, err)
	sameFiles(t, fresh, append([]shard.FileID{ids[0], added}, ids[2:]...))
}

func sameFiles(t *testing.T, d *device, want []shard.FileID) {
	t.Helper()
	var got []shard.FileID
	for _, e := range d.Files() {
		got = append(got, e.File)
	}
	if !sameIDs(got, want) {
		t.Errorf("%d files, want %d, or others", len(got), len(want))
	}
}

// Without its first page the rest comes back all the same.
func TestFirstPageIsLost(t *testing.T) {
	b := newBed(t, 8)
	d := b.device(0)
	check(t, d.change(func(s *state) {
		for range 3000 {
			s.add(row{File: shard.NewFileID(), Added: 1, Of: shard.NewFileID()})
		}
	}))
	d.publish()
	b.replay(b.seed.CatalogueID(0), nil, b.boxes...)
	fresh := b.device(1)
	fresh.recover()
	if pages := len(d.look().Pages); pages < 3 || len(fresh.Files()) != 3000-len(d.look().Pages[0].Rows) {
		t.Errorf("%d files of %d pages", len(fresh.Files()), pages)
	}
}

// What is added while a page is on its way is still to be written.
func TestAddDuringPublish(t *testing.T) {
	b := newBed(t, 8)
	d := b.device(0)
	d.put(1, b.boxes[:4]...)
	d.publish()
	second := d.put(1, b.boxes[:4]...)
	check(t, d.change(func(s *state) { s.noted(second, elsewhere) })) // the page alone
	late := shard.NewFileID()
	b.onNote = sync.OnceFunc(func() { check(t, d.Add(d.write(late, 1, b.boxes[:4], time.Time{}))) })
	if r := d.publish(); r.Hosts != 0 || r.Waiting != 1 {
		t.Errorf("published %+v", r)
	}
	if r := d.publish(); r.Hosts != wanted || r.Files != 3 {
		t.Errorf("published %+v", r)
	}
}

func TestFilesWhoseTimeHasPassed(t *testing.T) {
	b := newBed(t, 8)
	d, other := b.device(0), b.device(1)
	kept, brief, large := d.put(1, b.boxes[:4]...), shard.NewFileID(), shard.NewFileID()
	until := b.clock().Add(10 * 24 * time.Hour)
	check(t, d.Add(d.write(brief, 1, b.boxes[:4], until)))
	check(t, d.Add(d.write(large, 1000, b.boxes[:4], until)))
	d.publish()
	other.recover()
	other.has(kept, brief, large)
	b.pass(12)
	d.has(kept)
	other.has(kept)
	d.put(1, b.boxes[:4]...)
	other.put(1, b.boxes[:4]...)
	for range 2 {
		d.publish()
		other.publish()
	}
	if rows := len(d.look().Pages[0].Rows); rows != 6 || len(d.Files()) != 3 || d.result(nil).Files != 3 || d.rest() == 0 {
		t.Errorf("%d rows, %d files while the manifests are at home", rows, len(d.Files()))
	}
	for _, id := range []shard.FileID{brief, large, d.look().serving(large)[0]} {
		check(t, os.Remove(d.manifestPath(id)))
		check(t, os.Remove(other.manifestPath(id)))
	}
	for range 2 {
		d.publish()
		other.publish()
	}
	if rows := len(d.look().Pages[0].Rows); rows != 3 || len(d.Files()) != 3 {
		t.Errorf("%d rows, %d files", rows, len(d.Files()))
	}
	if other.rest() == 0 {
		t.Error("written again and again")
	}
	if r := b.device(2).recover(); len(r.Files) != 3 || len(r.Missing) != 0 {
		t.Errorf("recovered %+v", r)
	}
}

func TestFullPagesFitTheirNotes(t *testing.T) {
	s := &state{}
	for i := range 5000 {
		r := row{File: shard.NewFileID(), Added: 1<<32 - 1, Until: int64(i%2) << 40}
		if i%3 == 0 {
			r.Of = shard.NewFileID()
		}
		s.add(r)
		if i%2 == 0 {
			s.bury(r.File, 1<<32-1)
		}
	}
	for i := range s.Pages {
		for range maxSeen + 5 {
			s.Pages[i].meet(seen{rand.Uint32() | 1<<31, 1<<64 - 1, 1<<40 + int64(i)})
		}
		plain, err := s.blob(i)
		check(t, err)
		if len(plain) > maxPlain {
			t.Errorf("page %d has %d bytes, %d fit", i, len(plain), maxPlain)
		}
		if _, err := parsePage(plain, i); err != nil {
			t.Error(err)
		}
	}
}

func TestLostHolders(t *testing.T) {
	b := newBed(t, 20)
	list := b.seed.CatalogueID(0)
	d := b.device(0)
	id := d.put(1, b.boxes[:4]...)
	d.publish()
	first := b.holders(list)
	b.with(func() {
		for _, x := range first[:6] {
			x.down = true
		}
	})
	d.put(1, b.boxes[16:]...)
	d.publish()
	up := 0
	for _, x := range b.holders(list) {
		if !x.down {
			up++
		}
	}
	if up != wanted {
		t.Errorf("%d living hosts have the list", up)
	}
	// Those that had it come first: others are asked for what is missing only.
	if all := b.holders(list); len(all) != 6+wanted {
		t.Errorf("%d hosts have had it", len(all))
	}
	// Nobody is announced: the candidates are asked.
	b.with(func() { b.silent = true })
	fresh := b.device(1)
	if r := fresh.recover(); len(r.Files)+len(r.Missing) != 2 {
		t.Errorf("recovered %+v", r)
	}
	// A file whose hosts are all away is named, and found when one is back.
	b.with(func() {
		for _, x := range b.boxes[:4] {
			x.down = true
		}
	})
	fresh = b.device(2)
	r := fresh.recover()
	if len(r.Files) != 1 || len(r.Missing) != 1 || r.Missing[0].File != id || r.Missing[0].Added.IsZero() {
		t.Fatalf("recovered %+v", r)
	}
	b.with(func() { b.boxes[0].down = false })
	if r = fresh.recover(); len(r.Files) != 1 || r.Files[0] != id || r.Kept != 1 {
		t.Errorf("recovered %+v", r)
	}
}

func TestDevicesChooseTheSameHosts(t *testing.T) {
	b := newBed(t, 30)
	one, two := b.device(1), b.device(2)
	b.with(func() { b.silent = true })
	one.put(1, b.boxes[:4]...)
	one.publish()
	two.put(1, b.boxes[:4]...)
	two.publish()
	if at := b.holders(b.seed.CatalogueID(0)); len(at) != wanted {
		t.Errorf("two devices use %d hosts", len(at))
	}
}

func TestAYearLater(t *testing.T) {
	b := newBed(t, 10)
	home := b.device(0)
	id := home.put(1, b.boxes[:4]...)
	home.publish()
	for range 20 { // the owner is there for 20 months, and nothing changes
		if rest := home.rest(); rest <= 0 || rest > idlePause {
			t.Fatalf("rest of %s right after all is done", rest)
		}
		b.pass(31)
		if home.rest() != 0 {
			t.Fatal("nothing is due after a month")
		}
		home.publish()
	}
	b.pass(370) // and then away
	fresh := b.device(1)
	if r := fresh.recover(); !sameIDs(r.Files, []shard.FileID{id}) {
		t.Errorf("a year later: %+v", r)
	}
	b.pass(31)
	if _, err := b.device(2).Recover(t.Context(), func(Progress) {}); !errors.Is(err, ErrNothing) {
		t.Errorf("after every lease: %v", err)
	}
}

func TestTombstonesGoInTheEnd(t *testing.T) {
	b := newBed(t, 10)
	d := b.device(0)
	kept, gone := d.put(1, b.boxes[:4]...), d.put(1, b.boxes[:4]...)
	_, err := d.Remove(gone)
	check(t, err)
	d.publish()
	rows := func() int { return len(d.look().Pages[0].Rows) }
	for range 14 {
		b.pass(30)
		d.publish()
	}
	if rows() != 2 {
		t.Fatalf("%d rows after 420 days", rows())
	}
	b.pass(30)
	d.publish()
	if rows() != 2 {
		t.Errorf("%d rows, and what was deleted is at home: it comes back", rows())
	}
	check(t, os.Remove(d.manifestPath(gone)))
	d.publish()
	d.publish()
	if d.has(kept); rows() != 1 {
		t.Errorf("%d rows after 450 days", rows())
	}
	if d.rest() <= 0 {
		t.Error("the page is written again and again")
	}
}

// An old home comes back with the seqs of that time: what it writes counts.
func TestRestoredHome(t *testing.T) {
	b := newBed(t, 12)
	d := b.device(0)
	d.put(1, b.boxes[:4]...)
	d.publish()
	backup, err := os.ReadFile(d.statePath())
	check(t, err)
	for range 3 {
		d.put(1, b.boxes[:4]...)
		d.restart() // takes another block of seqs
		d.publish()
	}
	restore := func() {
		check(t, os.WriteFile(d.statePath(), backup, 0o600))
		d.restart()
	}
	restore()
	last := d.put(1, b.boxes[:4]...)
	if r := d.publish(); r.Files != 5 || r.Waiting != 0 || r.Hosts != wanted {
		t.Errorf("published %+v", r)
	}
	// The hosts do not show what they have before they are written to.
	restore()
	holders := b.holders(b.seed.CatalogueID(0))
	was := map[*box][]shard.SignedNote{}
	b.replay(b.seed.CatalogueID(0), was, holders...)
	d.put(1, b.boxes[:4]...)
	if _, err := d.Publish(t.Context()); err != nil && !errors.Is(err, ErrNobody) {
		t.Error(err)
	}
	b.with(func() {
		for _, x := range holders {
			x.shows = nil
		}
	})
	if r := d.publish(); r.Files != 6 || r.Hosts != wanted {
		t.Errorf("published %+v", r)
	}
	fresh := b.device(1)
	if r := fresh.recover(); len(r.Files) != 6 {
		t.Errorf("recovered %+v", r)
	}
	if _, ok := fresh.look().at[last]; !ok {
		t.Error("what the restored home wrote is not there")
	}
}

// The note of a file at a host is newer than the restored home knows.
func TestRestoredHomeAndManifest(t *testing.T) {
	b := newBed(t, 4)
	d := b.device(0)
	id := d.put(1, b.boxes...)
	n, err := d.nameOf(id)
	check(t, err)
	note, terms, err := n.seal(d.writer, 5000, []byte("old"))
	check(t, err)
	_, err = b.PutNote(t.Context(), b.boxes[0].id, note, terms)
	check(t, err)
	if r := d.publish(); r.Waiting != 0 {
		t.Errorf("published %+v", r)
	}
	for _, x := range b.boxes {
		if notes := x.under(id.Locator()); len(notes) != 1 || termsOf(notes[0]).Seq <= 5000 {
			t.Errorf("%d notes, the first of seq %d", len(notes), termsOf(notes[0]).Seq)
		}
	}
}

func TestDamagedState(t *testing.T) {
	b := newBed(t, 10)
	home, other := b.device(0), b.device(1)
	kept, gone := home.put(1, b.boxes[:4]...), home.put(1, b.boxes[:4]...)
	theirs := other.put(1, b.boxes[:4]...)
	_, err := home.Remove(gone) // its manifest is still there
	check(t, err)
	home.publish()
	other.publish()
	highest := home.look().Seq
	for name, damage := range map[string]func([]byte) []byte{
		"cut": func(data []byte) []byte { return data[:len(data)/2] }, "empty": func([]byte) []byte { return nil },
		"flipped": func(data []byte) []byte { data[len(data)/3] ^= 4; return data },
	} {
		data, err := os.ReadFile(home.statePath())
		check(t, err)
		check(t, os.WriteFile(home.statePath(), damage(data), 0o600))
		home.restart()
		home.has(kept, gone)
		if r := home.publish(); r.Files != 2 || r.Waiting != 0 {
			t.Errorf("%s: published %+v", name, r)
		}
		home.has(kept, theirs)
		if now := home.look().Seq; now <= highest {
			t.Errorf("%s: seq %d, it was %d", name, now, highest)
		}
		if _, err := os.Stat(home.statePath() + ".damaged"); err != nil {
			t.Error(err)
		}
	}
}

func TestRecoverReplacesOnlyWhatIsBad(t *testing.T) {
	b := newBed(t, 10)
	home := b.device(0)
	good, bad := home.put(1, b.boxes[:4]...), home.put(1, b.boxes[:4]...)
	home.publish()
	mine := manifestOf(t, b.seed, good, 1, b.boxes[4:], time.Time{})
	check(t, os.WriteFile(home.manifestPath(good), mine, 0o600))
	check(t, os.WriteFile(home.manifestPath(bad), mine, 0o600)) // of another file
	if r := home.recover(); r.Kept != 1 || !sameIDs(r.Files, []shard.FileID{bad}) {
		t.Errorf("recovered %+v", r)
	}
	data, err := os.ReadFile(home.manifestPath(good))
	if err != nil || !bytes.Equal(data, mine) {
		t.Errorf("a good manifest was replaced, %v", err)
	}
	if !home.owns(bad) {
		t.Error("a bad manifest is still there")
	}
}

// The newest of several manifests counts.
func TestNewestManifestIsTaken(t *testing.T) {
	b := newBed(t, 4)
	home := b.device(0)
	id := home.put(1, b.boxes[:2]...)
	home.publish()
	b.pass(1)
	check(t, home.Add(home.write(id, 1, b.boxes[:3], time.Time{}))) // repaired
	b.with(func() { b.boxes[0].down = true })
	home.publish()
	b.with(func() { b.boxes[0].down = false })
	fresh := b.device(1)
	fresh.recover()
	sameFile(t, home.manifestPath(id), fresh.manifestPath(id))
}

func TestLargeManifest(t *testing.T) {
	b := newBed(t, 10)
	home := b.device(0)
	id := home.put(1000, b.boxes[:6]...) // 150 KB
	if r := home.publish(); r.Files != 1 || r.Waiting != 0 || b.puts != 1 {
		t.Fatalf("published %+v, %d puts", r, b.puts)
	}
	home.has(id)
	files := home.Files()
	if len(files) != 2 {
		t.Fatalf("%+v", files)
	}
	hidden := files[1].File
	if files[1].Of != id {
		t.Errorf("%+v", files)
	}
	fresh := b.device(1)
	if r := fresh.recover(); !sameIDs(r.Files, []shard.FileID{id}) || len(r.Missing) != 0 {
		t.Fatalf("recovered %+v", r)
	}
	sameFile(t, home.manifestPath(id), fresh.manifestPath(id))
	sameFile(t, home.manifestPath(hidden), fresh.manifestPath(hidden))

	check(t, home.Add(home.manifestPath(id)))
	if home.publish(); b.puts != 1 {
		t.Error("the manifest was put twice")
	}
	// What cannot be got now is missing now.
	content := b.files[hidden]
	delete(b.files, hidden)
	fresh = b.device(2)
	if r := fresh.recover(); len(r.Files) != 0 || len(r.Missing) != 1 {
		t.Errorf("recovered %+v", r)
	}
	b.files[hidden] = content
	if r := fresh.recover(); len(r.Files) != 1 {
		t.Errorf("recovered %+v", r)
	}
	// The state is lost: the file is still known to serve another.
	check(t, os.Remove(home.statePath()))
	home.restart()
	home.publish()
	home.has(id)
	with, err := fresh.Remove(id)
	if err != nil || !sameIDs(with, []shard.FileID{hidden}) || len(fresh.Files()) != 0 {
		t.Errorf("removed with %v, %v; left %v", with, err, fresh.Files())
	}
}

func TestManifestJustFits(t *testing.T) {
	b, err := wire.Marshal(manifestBlob{Version: 1, Kind: whole, Made: 1<<63 - 1, Data: make([]byte, maxManifest)})
	if err != nil || len(b) > maxPlain {
		t.Errorf("%d bytes, %d fit, %v", len(b), maxPlain, err)
	}
}

func TestEndOfContext(t *testing.T) {
	b := newBed(t, 4)
	d := b.device(0)
	d.put(1, b.boxes...)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if _, err := d.Publish(ctx); err == nil || err.Error() != "enough" {
		t.Errorf("publish: %v", err)
	}
	if _, err := d.Recover(ctx, func(Progress) {}); err == nil || err.Error() != "enough" {
		t.Errorf("recover: %v", err)
	}
	if d.rest() != 0 {
		t.Error("nothing is due any more")
	}
}

func TestClocksThatAreWrong(t *testing.T) {
	b := newBed(t, 10)
	home, other := b.device(0), b.device(1)
	id := home.put(1, b.boxes[:4]...)
	home.publish()
	other.recover()
	other.skew = time.Unix(0, 0).Sub(b.now)
	_, err := other.Remove(id)
	check(t, err)
	other.publish()
	home.publish()
	home.has()

	home.skew = 200 * 365 * 24 * time.Hour
	home.put(1, b.boxes[:4]...)
	home.publish()
	home.skew = 0
	if home.rest() != 0 {
		t.Error("written by a clock of the future, and not due for two centuries")
	}
	if r := home.publish(); r.Files != 1 || r.Hosts != wanted || r.Waiting != 0 {
		t.Errorf("published %+v", r)
	}
	if home.rest() == 0 {
		t.Error("due again and again")
	}
}
