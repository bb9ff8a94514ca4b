package transfer

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"os"
	"testing"

	"github.com/batchain/batchain/shard"
)

func TestCancelledPutGoesOn(t *testing.T) {
	b := newCutBed(t)
	const segments = 8
	path, content := b.file("f", segments*(segmentSize-shard.SealOverhead))
	random := rand.New(rand.NewPCG(1, 2))
	var id shard.FileID
	tries, receipts := 0, 0
	for {
		before := b.delivered()
		r, err := b.tryPut(Source{Path: path}, PutOptions{}, 1+random.IntN(12))
		shards := int((b.delivered() - before) / (segmentSize / 2))
		if most := segments*5 - receipts; shards > most {
			t.Fatalf("try %d: %d shards were sent, %d had no receipt", tries, shards, most)
		}
		if err == nil {
			if r.File != id || r.Shortfall != "" || r.Segments != segments {
				t.Errorf("after %d tries: %+v, file %s", tries, r, id)
			}
			b.get(r.Manifest, content)
			break
		}
		if !errors.Is(err, context.Canceled) {
			t.Fatalf("try %d: %v", tries, err)
		}
		j := b.journal()
		if tries++; tries > 1 && j.start.File != id {
			t.Fatalf("file %s became %s", id, j.start.File)
		}
		id = j.start.File
		if now := b.receipts(j); now < receipts {
			t.Fatalf("%d receipts became %d", receipts, now)
		} else {
			receipts = now
		}
		b.restart()
	}
	if tries < 3 {
		t.Errorf("only %d tries were cut short", tries)
	}
	if left := b.journals(); len(left) != 0 {
		t.Errorf("after the put there is %v", left)
	}
	// What a host took in completely is there once, wherever the put was cut.
	for _, k := range b.hosts {
		if k.store.Shards() != segments {
			t.Errorf("a host keeps %d shards of %d segments", k.store.Shards(), segments)
		}
	}
}

// edited puts halfway, changes the file, puts again, and returns the journal of
// the first try, the bytes that the second delivered, and its result.
func (b *bed) edited(path string, after int, edit func()) (*journal, int64, PutResult) {
	b.t.Helper()
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, after); !errors.Is(err, context.Canceled) {
		b.t.Fatalf("put: %v", err)
	}
	j, before := b.journal(), b.delivered()
	edit()
	b.restart()
	r := b.put(path, PutOptions{})
	if r.File != j.start.File {
		b.t.Errorf("%+v, began as %s", r, j.start.File)
	}
	return j, b.delivered() - before, r
}

func TestChangedSegmentIsSealedAnew(t *testing.T) {
	b := newCutBed(t)
	full := segmentSize - shard.SealOverhead
	path, content := b.file("f", 6*full)
	j, moved, r := b.edited(path, 18, func() {
		content[0] ^= 1
		if err := os.WriteFile(path, content, 0o640); err != nil {
			t.Fatal(err)
		}
	})
	if !j.segments[0].whole {
		t.Fatal("the first segment was not done")
	}
	need := 6*5 - b.receipts(j) + 5 // and all of the first one again
	if got := int(moved / (segmentSize / 2)); got > need {
		t.Errorf("%d shards were sent, %d needed it", got, need)
	}
	for s, err := range b.open(r.Manifest).Segments() {
		if err != nil {
			t.Fatal(err)
		}
		if known := j.segments[s.Number]; known != nil && (known.sealing.Nonce == s.Nonce) != (s.Number != 0) {
			t.Errorf("segment %d: nonce %x, was %x", s.Number, s.Nonce, known.sealing.Nonce)
		}
	}
	b.get(r.Manifest, content)
}

func TestFileGrownAndShrunkBetweenTries(t *testing.T) {
	full := segmentSize - shard.SealOverhead
	for name, size := range map[string]int{"grown": 5*full + 100, "shrunk": 2*full + 7, "shrunk to a boundary": 2 * full} {
		t.Run(name, func(t *testing.T) {
			b := newCutBed(t)
			path, content := b.file("f", 3*full+50)
			longer := append(content, noise(3*full)...)
			_, _, r := b.edited(path, 12, func() {
				if err := os.WriteFile(path, longer[:size], 0o640); err != nil {
					t.Fatal(err)
				}
			})
			if r.Size != int64(size) || r.Segments != (size+full-1)/full {
				t.Errorf("%+v", r)
			}
			b.get(r.Manifest, longer[:size])
		})
	}
}

func TestStreamGoesOnUnderItsName(t *testing.T) {
	b := newCutBed(t)
	content := noise(2 << 20)
	stream := func(name string) Source { return Source{Stream: bytes.NewReader(content), Name: name, Size: -1} }
	if _, err := b.tryPut(stream("tape"), PutOptions{}, 15); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	j, before := b.journal(), b.delivered()
	b.restart()
	other, err := b.engine.Put(t.Context(), stream("reel"), PutOptions{}, quiet)
	if err != nil || other.File == j.start.File {
		t.Errorf("another name: %+v, %v", other, err)
	}
	all := b.delivered() - before
	r, err := b.engine.Put(t.Context(), stream("tape"), PutOptions{}, quiet)
	if err != nil || r.File != j.start.File {
		t.Errorf("the same name: %+v, %v", r, err)
	}
	if again := b.delivered() - before - all; again >= all*3/4 {
		t.Errorf("%d bytes were sent again of %d", again, all)
	}
	b.get(r.Manifest, content)
}

func TestOtherSchemeBeginsAnew(t *testing.T) {
	b := newCutBed(t)
	path, content := b.file("f", 2<<20)
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, 12); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	j := b.journal()
	b.restart()
	r := b.put(path, PutOptions{Scheme: shard.Scheme{Data: 3, Parity: 2}})
	if r.File == j.start.File || r.Scheme.Data != 3 {
		t.Errorf("%+v", r)
	}
	b.get(r.Manifest, content)
}

func TestSchemeStaysWhenHostsCome(t *testing.T) {
	b := newCutBed(t)
	path, content := b.file("f", 2<<20)
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, 12); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	began := b.journal().start.File
	for range 7 {
		b.addHost()
	}
	b.restart()
	r := b.put(path, PutOptions{Durability: shard.DurabilityArchive})
	if r.File != began || r.Scheme != twoThree || r.Shortfall == "" {
		t.Errorf("archive was asked for, 2+3 was begun: %+v", r)
	}
	b.get(r.Manifest, content)
}

func TestReceiptsThatRunOutAreNotCounted(t *testing.T) {
	b := newCutBed(t)
	path, content := b.file("f", 2<<20)
	if _, err := b.tryPut(Source{Path: path}, PutOptions{Lease: shard.LeaseDefault}, 12); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	began := b.journal().start.File
	b.restart()
	r := b.put(path, PutOptions{Lease: 3 * shard.LeaseDefault})
	if r.File == began {
		t.Errorf("a lease of a third of what is asked for was kept: %+v", r)
	}
	b.get(r.Manifest, content)
}

func TestOnePutOfAFileAtATime(t *testing.T) {
	b := newCutBed(t)
	path, content := b.file("f", 1<<20)
	var second error
	once := false
	r, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, func(p Progress) {
		if p.Phase == "put" && !once {
			once = true
			_, second = b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet)
		}
	})
	if err != nil || !errors.Is(second, ErrPutBusy) {
		t.Fatalf("first %v, second %v", err, second)
	}
	b.get(r.Manifest, content)
	b.put(path, PutOptions{}) // and when it is over, again
}

func TestPathOfAnyBytes(t *testing.T) {
	b := newBed(t, 3)
	path, content := b.file("f\xff\n", 1000)
	r := b.put(path, PutOptions{})
	if r.Name != "f\xff\n" {
		t.Errorf("name %q", r.Name)
	}
	b.get(r.Manifest, content)
}
