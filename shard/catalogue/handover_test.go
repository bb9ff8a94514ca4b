package catalogue

import (
	"bytes"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// know returns what a device knows of one file, asked for it alone and for all.
func (d *device) know(id shard.FileID) Known {
	d.b.t.Helper()
	one, err := d.Known(id)
	check(d.b.t, err)
	all, err := d.Known()
	check(d.b.t, err)
	if one[id] != all[id] {
		d.b.t.Errorf("asked for one %+v, for all %+v", one[id], all[id])
	}
	return one[id]
}

// TestHandover: what one device has put is listed on the other, dated and marked
// as there, and is not left on the mesh a second time.
func TestHandover(t *testing.T) {
	b := newBed(t, 3)
	first, second := b.device(1), b.device(2)
	id := first.put(2, b.boxes...)
	is := first.know(id)
	if is.File != id || !is.AtHome || is.Gone || is.Over || is.Left {
		t.Fatalf("put: %+v", is)
	}
	if missing := second.know(id); missing != (Known{}) {
		t.Fatalf("before: %+v", missing)
	}
	added := is.Added.Add(-time.Hour)
	src, err := first.Manifest(id)
	check(t, err)
	defer src.Close()
	check(t, second.Deposit(id, added, src))
	info, err := os.Stat(second.manifestPath(id))
	check(t, err)
	if !info.ModTime().Equal(added) || info.Mode().Perm() != 0o600 {
		t.Errorf("the manifest is of %v, mode %v", info.ModTime(), info.Mode())
	}
	gone, err := second.Enter(Entry{File: id, Added: added})
	check(t, err)
	if k := second.know(id); len(gone) > 0 || !k.AtHome || k.Gone || !k.Added.Equal(added) {
		t.Errorf("entered: %+v, gone %v", k, gone)
	}
	second.restart()
	second.has(id)
	if due := second.look().unnoted(b.clock()); len(due) > 0 {
		t.Errorf("its manifest is to be left on the mesh again: %v", due)
	}
}

// TestDeposit takes the owner's own manifest of this file, and nothing else.
func TestDeposit(t *testing.T) {
	b := newBed(t, 1)
	d := b.device(1)
	id := shard.NewFileID()
	good := manifestOf(t, b.seed, id, 1, b.boxes, time.Time{})
	for name, c := range map[string]struct {
		data []byte
		want error
	}{
		"another owner's": {manifestOf(t, shard.NewSeed(), id, 1, b.boxes, time.Time{}), ErrNotOurs},
		"another file's":  {manifestOf(t, b.seed, shard.NewFileID(), 1, b.boxes, time.Time{}), ErrNotOurs},
		"a cut one":       {good[:len(good)-1], shard.ErrManifest},
		"nothing":         {nil, shard.ErrManifest},
	} {
		if err := d.Deposit(id, b.clock(), bytes.NewReader(c.data)); !errors.Is(err, c.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	left, err := os.ReadDir(d.cfg.Manifests)
	check(t, err)
	if len(left) > 0 {
		t.Errorf("what was refused left %v", left)
	}
	if gone, err := d.Enter(Entry{File: id, Added: b.clock()}); err != nil || gone != nil {
		t.Errorf("entered without a manifest: %v, %v", gone, err)
	}
	d.has()
	check(t, d.Deposit(id, b.clock(), bytes.NewReader(good)))
	check(t, d.Deposit(id, b.clock(), bytes.NewReader([]byte("anything: a good one is there"))))
	if !d.owns(id) {
		t.Error("a good manifest was replaced")
	}
}

// TestGoneIsForGood: a file that was deleted here is not entered again, one that was
// deleted elsewhere is buried, and the tombstone says whether a manifest is from before.
func TestGoneIsForGood(t *testing.T) {
	b := newBed(t, 1)
	d := b.device(1)
	id, other := d.put(1, b.boxes...), d.put(1, b.boxes...)
	_, err := d.Remove(id)
	check(t, err)
	gone, err := d.Enter(Entry{File: id, Added: b.clock()}, Entry{File: other, Added: b.clock()})
	check(t, err)
	if !sameIDs(gone, []shard.FileID{id}) {
		t.Errorf("gone are %v", gone)
	}
	check(t, d.Bury(other))
	check(t, d.Bury())
	d.has()
	for when, want := range map[time.Duration]bool{-time.Minute: true, 0: true, time.Minute: false} {
		at := b.clock().Add(when)
		check(t, os.Chtimes(d.manifestPath(id), at, at))
		if k := d.know(id); !k.Gone || !k.AtHome || k.Left != want {
			t.Errorf("a manifest written %s after the deletion: %+v", when, k)
		}
	}
	check(t, os.Remove(d.manifestPath(id)))
	if k := d.know(id); !k.Gone || k.AtHome || k.Left {
		t.Errorf("without a manifest: %+v", k)
	}
}

// TestKnownIsOver a day after the time of a file has passed.
func TestKnownIsOver(t *testing.T) {
	b := newBed(t, 1)
	d := b.device(1)
	id := shard.NewFileID()
	check(t, d.Add(d.write(id, 1, b.boxes, b.clock().Add(time.Hour))))
	if d.know(id).Over {
		t.Error("over before its time")
	}
	b.mu.Lock()
	b.now = b.now.Add(26 * time.Hour)
	b.mu.Unlock()
	if !d.know(id).Over {
		t.Error("not over after its time")
	}
}
