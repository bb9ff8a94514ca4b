package catalogue

import (
	"encoding/hex"
	"os"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// The power goes between a put and Add, or another process did the put.
func TestManifestsThatWereNotAdded(t *testing.T) {
	b := newBed(t, 10)
	d := b.device(1)
	first := shard.NewFileID()
	d.write(first, 1, b.boxes[:4], time.Time{})
	if r := d.publish(); r.Files != 1 || r.Waiting != 0 || r.Hosts != wanted {
		t.Errorf("published %+v", r)
	}
	gone, large := d.put(1, b.boxes[:4]...), d.put(1000, b.boxes[:4]...)
	_, err := d.Remove(gone) // its manifest stays
	check(t, err)
	d.publish()
	second := shard.NewFileID()
	d.write(second, 1, b.boxes[:4], time.Time{})
	check(t, os.WriteFile(d.manifestPath(shard.NewFileID()), []byte("batchain"), 0o600))
	d.restart()
	d.has(first, second, large)
	d.publish()
	d.has(first, second, large)
	b.device(2).recover()
	if rest := d.rest(); rest == 0 {
		t.Error("due again and again")
	}
}

// A home that gets another seed keeps the state of the one before, but does not
// go by it.
func TestStateOfAnotherSeed(t *testing.T) {
	b := newBed(t, 10)
	d := b.device(1)
	id := d.put(1, b.boxes[:4]...)
	check(t, os.Remove(d.manifestPath(id)))
	was, owner := d.cfg.Seed, d.look().Owner
	b.seed = shard.NewSeed()
	d.restart()
	d.has()
	aside, err := readState(d.statePath() + ".of-" + hex.EncodeToString(owner))
	if err != nil || len(aside.Pages) != 1 {
		t.Errorf("the other's state: %v", err)
	}
	if d.publish(); len(b.holders(b.seed.CatalogueID(0))) != 0 {
		t.Error("one owner's list is published under another's seed")
	}

	b.seed = was
	d.restart()
	id = d.put(1, b.boxes[:4]...)
	old := d.look()
	old.Owner = nil // as it was written before states were bound
	check(t, old.write(d.statePath()))
	check(t, os.Remove(d.manifestPath(id)))
	d.restart()
	d.has(id)
	if d.look().Owner == nil {
		t.Error("an old state is not bound")
	}
}
