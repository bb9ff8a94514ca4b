package catalogue

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

func TestSeedAloneBringsEverythingBack(t *testing.T) {
	b := newBed(t, 12)
	home := b.device(0)
	ids := []shard.FileID{home.put(1, b.boxes[:4]...), home.put(3, b.boxes[4:8]...), home.put(40, b.boxes[2:9]...)}
	if r := home.publish(); r.Files != 3 || r.Hosts != wanted || r.Waiting != 0 || len(r.Stale) != 0 {
		t.Errorf("published %+v", r)
	}
	if at := b.holders(ids[2]); len(at) != 7 {
		t.Errorf("%d hosts have the manifest, 7 have the file", len(at))
	}
	fresh := b.device(1)
	if r := fresh.recover(); !sameIDs(r.Files, ids) || r.Kept != 0 || len(r.Missing) != 0 || len(r.Stale) != 0 {
		t.Fatalf("recovered %+v", r)
	}
	fresh.has(ids...)
	for _, id := range ids {
		sameFile(t, home.manifestPath(id), fresh.manifestPath(id))
	}
	if r := fresh.recover(); r.Kept != 3 || len(r.Files) != 0 {
		t.Errorf("recovered again %+v", r)
	}
	if left, _ := filepath.Glob(filepath.Join(fresh.cfg.Manifests, ".*")); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

func sameFile(t *testing.T, want, got string) {
	t.Helper()
	was, err := os.ReadFile(want)
	check(t, err)
	is, err := os.ReadFile(got)
	check(t, err)
	if !bytes.Equal(was, is) {
		t.Errorf("%s has %d bytes, %d are expected, or others", got, len(is), len(was))
	}
	info, err := os.Stat(got)
	check(t, err)
	if runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
		t.Errorf("%s has mode %v", got, info.Mode())
	}
}

func TestTwoDevicesAtTheSameMomentKeepBothFiles(t *testing.T) {
	b := newBed(t, 10)
	one, two := b.device(1), b.device(2)
	first, second := one.put(1, b.boxes[:4]...), two.put(1, b.boxes[4:8]...)
	var wait sync.WaitGroup
	for _, d := range []*device{one, two} {
		wait.Go(func() {
			if _, err := d.Publish(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wait.Wait()
	three := b.device(3)
	if r := three.recover(); !sameIDs(r.Files, []shard.FileID{first, second}) {
		t.Errorf("recovered %+v", r)
	}
	check(t, one.Add(one.manifestPath(first)))
	if r := one.publish(); r.Files != 2 || r.Waiting != 0 {
		t.Errorf("published %+v", r)
	}
	one.has(first, second)
}

func TestTombstoneWins(t *testing.T) {
	b := newBed(t, 10)
	one, two := b.device(1), b.device(2)
	kept, gone := one.put(1, b.boxes[:4]...), one.put(1, b.boxes[:4]...)
	one.publish()
	two.recover()
	if with, err := one.Remove(gone); err != nil || len(with) != 0 {
		t.Fatalf("%v, %v", with, err)
	}
	one.has(kept)
	if err := one.Add(one.manifestPath(gone)); err != nil {
		t.Fatal(err)
	}
	one.has(kept)
	other := two.put(1, b.boxes[:4]...) // two has not heard of it, and writes first
	two.publish()
	one.publish()
	two.publish()
	one.has(kept, other)
	two.has(kept, other)
	three := b.device(3)
	three.recover()
	three.has(kept, other)
	one.restart()
	one.has(kept, other)
}

func TestRemoveOfWhatIsNotKnown(t *testing.T) {
	b := newBed(t, 4)
	one, two := b.device(1), b.device(2)
	id := one.put(1, b.boxes...)
	_, err := two.Remove(id)
	check(t, err)
	two.publish()
	one.publish()
	one.has()
}

func TestFewHosts(t *testing.T) {
	b := newBed(t, 6)
	d := b.device(0)
	d.put(1, b.boxes[:4]...) // any 2 of 4 may go
	b.with(func() {
		for _, x := range b.boxes[2:] {
			x.down = true
		}
	})
	if r := d.publish(); r.Hosts != 2 || r.Waiting != 1 {
		t.Errorf("published %+v", r)
	}
	if d.rest() != 0 {
		t.Error("too few hosts, and nothing is due")
	}
	b.with(func() { b.boxes[2].down = false })
	if r := d.publish(); r.Hosts != 3 || r.Waiting != 0 {
		t.Errorf("published %+v", r)
	}
	if rest := d.rest(); rest <= 0 || rest > pageFewAge {
		t.Errorf("due again in %s", rest)
	}
	b.with(func() {
		for _, x := range b.boxes {
			x.down = true
		}
	})
	d.put(1, b.boxes[:4]...)
	if r, err := d.Publish(t.Context()); !errors.Is(err, ErrNobody) || r.Files != 2 || r.Hosts != 0 || r.Waiting != 1 {
		t.Errorf("published %+v, %v", r, err)
	}
}

func TestAddTakesOnlyTheOwnersManifests(t *testing.T) {
	b, other := newBed(t, 3), newBed(t, 3)
	d := b.device(0)
	id := shard.NewFileID()
	path := d.manifestPath(id)
	check(t, os.WriteFile(path, manifestOf(t, other.seed, id, 1, b.boxes, time.Time{}), 0o600))
	if err := d.Add(path); !errors.Is(err, ErrNotOurs) {
		t.Errorf("another owner's: %v", err)
	}
	check(t, os.WriteFile(path, []byte("batchain"), 0o600))
	if err := d.Add(path); !errors.Is(err, shard.ErrManifest) {
		t.Errorf("damaged: %v", err)
	}
	d.has()
}

func TestNothingToPublish(t *testing.T) {
	b := newBed(t, 3)
	if r := b.device(0).publish(); r.Files != 0 || r.Hosts != 0 || len(b.holders(b.seed.CatalogueID(0))) != 0 {
		t.Errorf("published %+v", r)
	}
}

func TestWrongPhrase(t *testing.T) {
	b := newBed(t, 10)
	home := b.device(0)
	home.put(1, b.boxes[:4]...)
	home.publish()
	b.seed = shard.NewSeed()
	fresh := b.device(1)
	if _, err := fresh.Recover(t.Context(), func(Progress) {}); !errors.Is(err, ErrNothing) {
		t.Errorf("%v", err)
	}
}
