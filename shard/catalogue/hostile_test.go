package catalogue

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"errors"
	"iter"
	"os"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// record keeps what every host shows of a locator now.
func (b *bed) record(id shard.FileID) map[*box][]shard.SignedNote {
	b.mu.Lock()
	defer b.mu.Unlock()
	was := map[*box][]shard.SignedNote{}
	for _, x := range b.boxes {
		was[x] = x.under(id.Locator())
	}
	return was
}

// replay makes hosts show what they had then, under this locator.
func (b *bed) replay(id shard.FileID, was map[*box][]shard.SignedNote, hosts ...*box) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, x := range hosts {
		old := was[x]
		x.shows = func(l shard.Locator, notes []shard.SignedNote) []shard.SignedNote {
			if l == id.Locator() {
				return old
			}
			return notes
		}
	}
}

// of returns the notes of one writer.
func of(writer uint32, notes []shard.SignedNote) (some []shard.SignedNote) {
	for _, n := range notes {
		if termsOf(n).Writer == writer {
			some = append(some, n)
		}
	}
	return some
}

func TestReplayOfAnOlderSlot(t *testing.T) {
	b := newBed(t, 8)
	list := b.seed.CatalogueID(0)
	one, two := b.device(1), b.device(2)
	first := one.put(1, b.boxes[:4]...)
	one.publish()
	was := b.record(list)
	second := one.put(1, b.boxes[:4]...)
	one.publish()
	third := two.put(1, b.boxes[:4]...)
	two.publish() // its slot tells of the newer one of device 1

	b.replay(list, was, b.boxes[:7]...)
	fresh := b.device(3)
	if r := fresh.recover(); !sameIDs(r.Files, []shard.FileID{first, second, third}) || len(r.Stale) != 0 {
		t.Errorf("one honest host: %+v", r)
	}
	for x, notes := range was { // all of them replay device 1, device 2 is as it is
		was[x] = append(notes, of(two.writer, b.record(list)[b.boxes[7]])...)
	}
	b.replay(list, was, b.boxes...)
	fresh = b.device(4)
	r := fresh.recover()
	if len(r.Stale) != 1 || r.Stale[0].Writer != one.writer || r.Stale[0].Seq == 0 || r.Stale[0].Seq >= r.Stale[0].Expected {
		t.Errorf("all hosts replay: %+v", r.Stale)
	}
	if !sameIDs(r.Files, []shard.FileID{first, second, third}) {
		t.Errorf("recovered %+v: device 2 knew of all", r)
	}
	if p := one.publish(); len(p.Stale) != 1 || p.Files != 3 {
		t.Errorf("published %+v", p)
	}
}

func TestMissingSlotIsTold(t *testing.T) {
	b := newBed(t, 8)
	list := b.seed.CatalogueID(0)
	one, two := b.device(1), b.device(2)
	one.put(1, b.boxes[:4]...)
	one.publish()
	two.put(1, b.boxes[:4]...)
	two.publish()
	was := b.record(list)
	for x, notes := range was {
		was[x] = of(two.writer, notes)
	}
	b.replay(list, was, b.boxes...)
	r := b.device(3).recover()
	if len(r.Files) != 2 || len(r.Stale) != 1 || r.Stale[0].Writer != one.writer || r.Stale[0].Seq != 0 {
		t.Errorf("recovered %+v", r)
	}
}

func TestForgedSlots(t *testing.T) {
	b := newBed(t, 8)
	list, other := b.seed.CatalogueID(0), shard.NewFileID()
	d := b.device(0)
	id := d.put(1, b.boxes[:4]...)
	d.publish()
	n, err := d.nameOf(list)
	check(t, err)
	stranger := ed25519.NewKeyFromSeed(make([]byte, 32))
	forge := func(n name, writer uint32, seq uint64, plain []byte) shard.SignedNote {
		note, _, err := n.seal(writer, seq, plain)
		check(t, err)
		return note
	}
	evil := &state{}
	evil.bury(id, b.now.Unix())
	evil.add(row{File: other, Added: 1})
	plain, err := evil.blob(0)
	check(t, err)

	strange := n // a grant of the same locator, in order in itself, with the owner's own page key
	strange.admin = stranger
	strange.grant = grantOf(t, stranger, list.Locator())
	damaged := forge(n, 9, 9, plain)
	damaged.Blob = bytes.Clone(damaged.Blob)
	damaged.Blob[20] ^= 1
	moved := resigned(t, n, forge(n, 9, 9, plain), 10) // sealed for seq 9, signed as 10
	elsewhere, err := d.nameOf(b.seed.CatalogueID(1))
	check(t, err)
	elsewhere.grant, elsewhere.admin = n.grant, n.admin // sealed for page 1, signed for page 0
	wrong, err := wire.Marshal(pageBlob{Version: 1, Page: 1, Pages: 2, Entries: []entry{{File: other}}})
	check(t, err)
	forged := []shard.SignedNote{
		forge(strange, 9, 9, plain), damaged, moved, forge(elsewhere, 9, 9, plain),
		forge(n, 9, 9, wrong), forge(n, 9, 9, []byte("no CBOR")), forge(n, 9, 9, nil), {},
	}
	b.with(func() {
		for _, x := range b.boxes {
			x.shows = func(l shard.Locator, notes []shard.SignedNote) []shard.SignedNote {
				if l == list.Locator() {
					return slices.Concat(notes, forged)
				}
				return notes
			}
		}
	})
	fresh := b.device(1)
	if r := fresh.recover(); !sameIDs(r.Files, []shard.FileID{id}) || len(r.Missing) != 0 || len(r.Stale) != 0 {
		t.Errorf("recovered %+v", r)
	}
	d.publish()
	d.has(id)
	// The very page counts when the owner made it.
	forged = []shard.SignedNote{forge(n, 9, 9, plain)}
	d.publish()
	d.has(other)
}

func grantOf(t *testing.T, admin ed25519.PrivateKey, l shard.Locator) wire.Signed {
	t.Helper()
	public := admin.Public().(ed25519.PublicKey)
	signed, err := wire.Sign(admin, wire.Domain{Kind: "grant", Mesh: testMesh}, shard.Grant{Admin: public, Repair: public, Locator: l, Mesh: testMesh})
	check(t, err)
	return signed
}

// resigned is the note with another seq, signed by the owner all the same.
func resigned(t *testing.T, n name, s shard.SignedNote, seq uint64) shard.SignedNote {
	t.Helper()
	terms := termsOf(s)
	terms.Seq, terms.Sum = seq, blake3.Sum256(s.Blob)
	signed, err := terms.Sign(n.admin, testMesh)
	check(t, err)
	return shard.SignedNote{Grant: s.Grant, Note: signed, Blob: s.Blob}
}

func TestForgedManifests(t *testing.T) {
	b := newBed(t, 4)
	d := b.device(0)
	id, second := d.put(1, b.boxes...), d.put(1, b.boxes...)
	d.publish()
	n, err := d.nameOf(id)
	check(t, err)
	blob := func(kind int, data []byte) []byte {
		plain, err := wire.Marshal(manifestBlob{Version: 1, Kind: kind, Made: 1 << 40, Data: data})
		check(t, err)
		return plain
	}
	other, err := os.ReadFile(d.manifestPath(second))
	check(t, err)
	good, err := os.ReadFile(d.manifestPath(id))
	check(t, err)
	var forged []shard.SignedNote
	for i, plain := range [][]byte{
		blob(whole, other), blob(whole, good[:len(good)-1]), blob(whole, manifestOf(t, shard.NewSeed(), id, 1, b.boxes, time.Time{})),
		blob(3, good), blob(indirect, good[:9]), blob(indirect, other), nil,
	} {
		note, _, err := n.seal(uint32(i), 99, plain)
		check(t, err)
		forged = append(forged, note)
	}
	b.with(func() {
		for _, x := range b.boxes {
			x.shows = func(l shard.Locator, notes []shard.SignedNote) []shard.SignedNote {
				if l == id.Locator() {
					return slices.Concat(forged, notes)
				}
				return notes
			}
		}
	})
	fresh := b.device(1)
	if r := fresh.recover(); len(r.Files) != 2 {
		t.Errorf("recovered %+v", r)
	}
	sameFile(t, d.manifestPath(id), fresh.manifestPath(id))
}

func TestNewerVersions(t *testing.T) {
	b := newBed(t, 4)
	d := b.device(0)
	n, err := d.nameOf(b.seed.CatalogueID(0))
	check(t, err)
	plain, err := wire.Marshal(map[int]any{1: 2, 4: "other"})
	check(t, err)
	note, _, err := n.seal(1, 1, plain)
	check(t, err)
	b.with(func() {
		for _, x := range b.boxes {
			x.shows = func(shard.Locator, []shard.SignedNote) []shard.SignedNote { return []shard.SignedNote{note} }
		}
	})
	if _, err := d.Recover(t.Context(), func(Progress) {}); !errors.Is(err, ErrNewer) {
		t.Errorf("recover: %v", err)
	}
	sum := blake3.Sum256(plain)
	check(t, os.WriteFile(d.statePath(), append(plain, sum[:]...), 0o600))
	if _, err := New(d.config()); !errors.Is(err, ErrNewer) {
		t.Errorf("state: %v", err)
	}
}

// onlyOld is a Finder that knows of one announcement.
type onlyOld struct {
	*bed
	old peer.ID
}

func (o onlyOld) Find(context.Context, shard.Locator) iter.Seq[peer.AddrInfo] {
	return func(yield func(peer.AddrInfo) bool) { yield(peer.AddrInfo{ID: o.old}) }
}

// Whoever is found first, with an old slot, does not hide what others have.
func TestAnOldSlotHidesNothing(t *testing.T) {
	b := newBed(t, 30)
	list := b.seed.CatalogueID(0)
	d := b.device(1)
	d.put(1, b.boxes[:4]...)
	d.publish()
	old := b.holders(list)[0]
	b.replay(list, b.record(list), old)
	for range 5 {
		d.put(1, b.boxes[:4]...)
	}
	d.publish()
	fresh := b.device(2)
	cfg := fresh.config()
	cfg.Finder = onlyOld{b, old.id}
	fresh.restartWith(cfg)
	before := b.asked()
	if r := fresh.recover(); len(r.Files) != 6 || len(r.Missing) != 0 {
		t.Errorf("recovered %+v", r)
	}
	if n := b.asked() - before; n != 1 {
		t.Errorf("candidates were gathered %d times", n)
	}
	third := b.device(3)
	third.restartWith(cfg)
	third.put(1, b.boxes[:4]...)
	if r := third.publish(); r.Files != 7 {
		t.Errorf("published %+v", r)
	}
}

// A host that says STALE and shows no newer slot is not believed.
func TestStaleWithoutProof(t *testing.T) {
	b := newBed(t, 8)
	d := b.device(0)
	d.put(1, b.boxes[:4]...)
	d.publish() // they have an older one, which proves nothing
	d.put(1, b.boxes[:4]...)
	cfg := d.config()
	hosts := stubborn{b, &atomic.Int32{}}
	cfg.Client = hosts
	c, err := New(cfg)
	check(t, err)
	if _, err := c.Publish(t.Context()); !errors.Is(err, ErrNobody) {
		t.Errorf("%v", err)
	}
	if said := hosts.said.Load(); said != wanted+4 {
		t.Errorf("hosts were given %d notes", said)
	}
}
