package store

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// touch writes to a file behind the store's back some time after it was left: a
// file system's clock may be coarse.
func touch(t testing.TB, path string) {
	t.Helper()
	later := time.Now().Add(time.Minute)
	if err := os.Chtimes(path, later, later); err != nil {
		t.Fatal(err)
	}
}

// alter changes one byte of a file.
func alter(t testing.TB, path string, at int64) {
	t.Helper()
	flip(t, path, at)
	touch(t, path)
}

// heldBy is what LIST shows of a file, by index.
func heldBy(t testing.TB, s *Store, o *owner) map[uint8]bool {
	t.Helper()
	shown := make(map[uint8]bool)
	var cursor []byte
	for {
		rows, next, err := s.Held(o.grant.Admin, cursor, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, row := range rows {
			shown[row.Index] = true
		}
		if cursor = next; next == nil {
			return shown
		}
	}
}

// altering is what somebody does to a file by hand, and whether the shard may
// be listed after it.
var altering = []struct {
	name string
	do   func(t testing.TB, path string)
	kept bool
}{
	{"nothing", func(testing.TB, string) {}, true},
	{"first byte", func(t testing.TB, path string) { alter(t, path, 0) }, false},
	{"last byte", func(t testing.TB, path string) { alter(t, path, 49_999) }, false},
	{"tree", func(t testing.TB, path string) { alter(t, path, 50_000+8+3) }, false},
	{"touched", touch, true},
	{"cut short", func(t testing.TB, path string) { must(t, os.Truncate(path, 49_000)) }, false},
	{"cut short, time set back", func(t testing.TB, path string) {
		info, err := os.Stat(path)
		must(t, err)
		must(t, os.Truncate(path, 49_000))
		must(t, os.Chtimes(path, info.ModTime(), info.ModTime()))
	}, false},
	{"longer", func(t testing.TB, path string) { must(t, os.Truncate(path, 60_000)) }, false},
	{"removed", func(t testing.TB, path string) { must(t, os.Remove(path)) }, false},
	{"begin of time", func(t testing.TB, path string) { must(t, os.Chtimes(path, time.Unix(0, 0), time.Unix(0, 0))) }, true},
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// TestAlteredFiles changes files by hand. LIST leaves out those that are not
// what they were and no others, and reads nothing a second time.
func TestAlteredFiles(t *testing.T) {
	h := newHome(t)
	a, b := newOwner(t, 1), newOwner(t, 2)
	want := make(map[uint8]bool)
	var lots []shard.Lot
	for i, by := range altering {
		data := fixedBytes(byte(i), 50_000)
		lots = append(lots, a.lot(t, data, 0, uint8(i)))
		mustReceive(t, h.store, lots[i], data)
		mustReceive(t, h.store, b.lot(t, data, 7, uint8(i)), data)
		if by.kept {
			want[uint8(i)] = true
		}
	}
	if got := heldBy(t, h.store, a); len(got) != len(altering) || counted(t, h.store.metrics.checked) != 0 {
		t.Fatalf("%v listed before, %v bytes read", got, counted(t, h.store.metrics.checked))
	}
	for i, by := range altering {
		by.do(t, h.store.path(lots[i].Offer.Shard))
	}
	for turn, o := range []*owner{a, b, a} {
		before := counted(t, h.store.metrics.checked)
		if got := heldBy(t, h.store, o); !maps.Equal(got, want) {
			t.Errorf("turn %d: listed %v, not %v", turn, got, want)
		}
		if read := counted(t, h.store.metrics.checked) - before; (read > 0) != (turn == 0) {
			t.Errorf("turn %d: %v bytes read", turn, read)
		}
		checkWhole(t, h.store)
	}
	h.reopen(t)
	if got := heldBy(t, h.store, a); !maps.Equal(got, want) || counted(t, h.store.metrics.checked) != 0 {
		t.Errorf("after a restart: listed %v, not %v; %v bytes read", got, want, counted(t, h.store.metrics.checked))
	}
	for i, by := range altering {
		if row, err := h.store.row(lots[i].Offer.Shard); err == nil && row.Time == 0 {
			t.Errorf("%s: the file's time is unknown now", by.name)
		}
		if _, err := h.store.Prove(lots[i].Offer.Shard, 1); (err == nil) != by.kept {
			t.Errorf("%s: proof of a leaf beside it: %v", by.name, err)
		}
	}
}

// counting sends data and counts how often it was asked to.
func counting(asked *int, data []byte) func(int64) (io.Reader, error) {
	return func(offset int64) (io.Reader, error) {
		*asked++
		return sends(data)(offset)
	}
}

// TestAlteredIsProven alters each file again. A leaf that is untouched proves
// nothing, and what is brought or renewed is looked at, too.
func TestAlteredIsProven(t *testing.T) {
	for _, by := range altering {
		t.Run(by.name, func(t *testing.T) {
			h := newHome(t)
			o := newOwner(t, 1)
			data := fixedBytes(1, 50_000)
			lot := o.lot(t, data, 0, 0)
			id := lot.Offer.Shard
			renew := func() bool {
				rows, _, err := h.store.Renew(o.grant, []shard.Spot{{Shard: id}}, shard.LeaseDefault, nil, 10)
				must(t, err)
				return len(rows) == 1
			}
			offer := func() bool { // whether the bytes were wanted
				asked := 0
				_, err := h.store.Receive(t.Context(), lot, counting(&asked, data))
				must(t, err)
				return asked > 0
			}
			prove := func() bool {
				_, err := h.store.Prove(id, 1)
				if err != nil && !errors.Is(err, wire.ErrDamaged) && !errors.Is(err, wire.ErrNotFound) {
					t.Error(err)
				}
				return err == nil
			}
			for step, kept := range []func() bool{prove, renew, func() bool { return !offer() }} {
				mustReceive(t, h.store, lot, data)
				by.do(t, h.store.path(id))
				if got := kept(); got != by.kept {
					t.Errorf("step %d: counts as here: %v", step, got)
				}
				if kept() != (by.kept || step == 2) {
					t.Errorf("step %d: another time the answer differs", step)
				}
				checkWhole(t, h.store)
			}
			if !bytes.Equal(readShard(t, h.store, id), data) || !renew() {
				t.Error("what was brought again is not here")
			}
		})
	}
}

// TestBroughtByAnother alters a shard and lets another owner bring it: the bytes
// that lie there do not do.
func TestBroughtByAnother(t *testing.T) {
	h := newHome(t)
	a, b := newOwner(t, 1), newOwner(t, 2)
	data := fixedBytes(1, 50_000)
	mustReceive(t, h.store, a.lot(t, data, 0, 0), data)
	alter(t, h.store.path(shard.Sum(data)), 123)
	mustReceive(t, h.store, b.lot(t, data, 0, 0), data)
	if !bytes.Equal(readShard(t, h.store, shard.Sum(data)), data) {
		t.Error("the altered bytes are still here")
	}
	for _, o := range []*owner{a, b} {
		if got := heldBy(t, h.store, o); len(got) != 1 {
			t.Errorf("listed %v", got)
		}
	}
	if read := counted(t, h.store.metrics.checked); read != 0 {
		t.Errorf("%v bytes read of what had just come", read)
	}
	checkWhole(t, h.store)
}

// forgetTimes makes rows as they were before they had times.
func forgetTimes(t testing.TB, s *Store, ids ...shard.ID) {
	t.Helper()
	for _, id := range ids {
		row, err := s.row(id)
		must(t, err)
		must(t, s.update(func(b *batch) error { return b.retime(retimed{id, row.Time, 0}) }, nil))
	}
}

// TestUnknownTimes has rows without times. LIST reads nothing for them; a round
// of scrubbing notes the time, and from then on an altered file is found.
func TestUnknownTimes(t *testing.T) {
	var pace pacer
	h := newHome(t, pace.use)
	o := newOwner(t, 1)
	var ids []shard.ID
	for i := range byte(3) {
		data := fixedBytes(i, 50_000)
		mustReceive(t, h.store, o.lot(t, data, 0, i), data)
		ids = append(ids, shard.Sum(data))
	}
	forgetTimes(t, h.store, ids...)
	touch(t, h.store.path(ids[0]))
	if got := heldBy(t, h.store, o); len(got) != 3 || counted(t, h.store.metrics.checked) != 0 {
		t.Errorf("listed %v, %v bytes read", got, counted(t, h.store.metrics.checked))
	}
	must(t, scrubNow(t, t.Context(), h.store))
	for _, id := range ids {
		info, err := os.Stat(h.store.path(id))
		must(t, err)
		if row, err := h.store.row(id); err != nil || row.Time != fileTime(info) {
			t.Errorf("row %+v after a round, the file's time is %d: %v", row, fileTime(info), err)
		}
	}
	alter(t, h.store.path(ids[1]), 40_000)
	if got := heldBy(t, h.store, o); !maps.Equal(got, map[uint8]bool{0: true, 2: true}) {
		t.Errorf("listed %v", got)
	}
	forgetTimes(t, h.store, ids[2])
	flip(t, h.store.path(ids[2]), 40_000)
	data := fixedBytes(2, 50_000)
	mustReceive(t, h.store, newOwner(t, 2).lot(t, data, 0, 0), data)
	if !bytes.Equal(readShard(t, h.store, ids[2]), data) {
		t.Error("bytes that came anew were left for others of an unknown time")
	}
	checkWhole(t, h.store)
}

// TestRestoredStore gives every file another time, as from a backup: each is
// read once, and never again.
func TestRestoredStore(t *testing.T) {
	h := newHome(t)
	o := newOwner(t, 1)
	var size int64
	for i := range byte(7) {
		data := fixedBytes(i, 50_000)
		mustReceive(t, h.store, o.lot(t, data, 0, i), data)
		size += diskSize(50_000)
	}
	files, err := filepath.Glob(filepath.Join(h.shards(), "??", "??", "*"))
	if err != nil || len(files) != 7 {
		t.Fatal(files, err)
	}
	for _, path := range files {
		touch(t, path)
	}
	for range 2 {
		got := slices.Collect(maps.Keys(heldBy(t, h.store, o)))
		if read := counted(t, h.store.metrics.checked); len(got) != 7 || int64(read) != size {
			t.Errorf("listed %v, %v bytes of %d read", got, read, size)
		}
	}
}

// TestVerifyTwice asks for what somebody else has just looked at, or stored
// anew: nothing is read, and the later time stays.
func TestVerifyTwice(t *testing.T) {
	h := newHome(t)
	data := fixedBytes(1, 50_000)
	mustReceive(t, h.store, newOwner(t, 1).lot(t, data, 0, 0), data)
	before, err := h.store.row(shard.Sum(data))
	must(t, err)
	if _, err := h.store.verify(shard.Sum(data)); err != nil || counted(t, h.store.metrics.checked) != 0 {
		t.Errorf("%v bytes read: %v", counted(t, h.store.metrics.checked), err)
	}
	h.store.retime([]retimed{{id: shard.Sum(data), was: 5, at: 6}, {id: shard.ID{1}, at: 7}})
	if row, err := h.store.row(shard.Sum(data)); err != nil || row != before {
		t.Errorf("row %+v, was %+v: %v", row, before, err)
	}
}

// TestLookIsBounded lets one answer run out of bytes and of time: it lists the
// rest as before, and the next one goes on.
func TestLookIsBounded(t *testing.T) {
	const n, length = 5, 50_000
	for name, c := range map[string]struct {
		budget look
		tick   time.Duration
		each   int // shards looked at by one answer
	}{
		"bytes": {look{bytes: 2*diskSize(length) - 1, until: time.Hour}, 0, 2},
		"time":  {look{bytes: 1 << 30, until: 3 * time.Second}, time.Second, 2},
		"none":  {look{bytes: 0, until: time.Hour}, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			var ticks time.Duration
			h := newHome(t)
			ticking := func(s *Store) { s.ticks = func() time.Duration { ticks += c.tick; return ticks } }
			o := newOwner(t, 1)
			var rows []shard.Held
			for i := range byte(n) {
				data := fixedBytes(i, length)
				mustReceive(t, h.store, o.lot(t, data, 0, i), data)
				alter(t, h.store.path(shard.Sum(data)), 9)
				rows = append(rows, shard.Held{Shard: shard.Sum(data), Index: i})
			}
			h.reopen(t, ticking)
			for left := n; left > 0; {
				budget := c.budget
				ticks = 0
				got, err := h.store.present(slices.Clone(rows), &budget)
				must(t, err)
				if left = max(0, left-c.each); len(got) != left {
					t.Fatalf("%d listed, %d have not been looked at", len(got), left)
				}
				if c.each == 0 {
					break
				}
			}
			checkWhole(t, h.store)
		})
	}
}

// TestNoEmptyPages removes the files of whole pages. A page of none would look
// like the end.
func TestNoEmptyPages(t *testing.T) {
	for _, what := range []string{"held", "renew"} {
		t.Run(what, func(t *testing.T) {
			h := newHome(t)
			o := newOwner(t, 1)
			for i := range byte(10) {
				data := fixedBytes(i, 100)
				mustReceive(t, h.store, o.lot(t, data, 0, i), data)
				if i != 9 {
					must(t, os.Remove(h.store.path(shard.Sum(data))))
				}
			}
			mustPutNote(t, h.store, o.note(t, 1, 1, []byte("note")))
			page := func() (rows []shard.Held, next []byte, err error) { return h.store.Held(o.grant.Admin, nil, 2) }
			if what == "renew" {
				page = func() ([]shard.Held, []byte, error) { return h.store.Renew(o.grant, nil, shard.LeaseDefault, nil, 2) }
			}
			if rows, _, err := page(); err != nil || len(rows) != 1 || rows[0].Index != 9 {
				t.Errorf("first page %v: %v", rows, err)
			}
			checkWhole(t, h.store)
		})
	}
}
