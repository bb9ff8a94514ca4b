package transfer

import (
	"context"
	"errors"
	"os"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// aged makes the put that was cut short look two hours old.
func (b *bed) aged() {
	b.t.Helper()
	j, err := openJournal(b.journals()[0])
	if err != nil {
		b.t.Fatal(err)
	}
	old := shard.Receipt{Segment: shard.MaxSegments - 1, Host: b.hosts[0].host.ID(), Time: time.Now().Add(-2 * time.Hour).Unix(), LeaseEnd: time.Now().Add(shard.LeaseDefault).Unix()}
	if err := errors.Join(j.append(recordReceipt, old, false), j.close()); err != nil {
		b.t.Fatal(err)
	}
}

// A put that resumes after a long time does not take old receipts for granted:
// a host that died since is replaced, and those that live move no byte again.
func TestOldReceiptsAreOfferedAgain(t *testing.T) {
	b := newBed(t, 6) // 2+3 and a spare
	b.cut(twoThree, segmentSize)
	path, content := b.file("f", 8*segmentSize)
	if _, err := b.tryPut(Source{Path: path}, PutOptions{}, 22); !errors.Is(err, context.Canceled) {
		t.Fatalf("put: %v", err)
	}
	j := b.journal()
	victim := j.segment(0).anyHost(t, b)
	dead := b.hosts[slices.IndexFunc(b.hosts, func(k *keeper) bool { return k.host.ID() == victim })]
	lost := dead.store.Shards()
	dead.die()
	b.aged()
	b.restart()
	before := b.delivered()
	r := b.put(path, PutOptions{})
	if r.File != j.start.File || r.Shortfall != "" {
		t.Errorf("%+v", r)
	}
	for s, err := range b.open(r.Manifest).Segments() {
		if err != nil {
			t.Fatal(err)
		}
		for _, at := range s.Placed {
			if b.open(r.Manifest).Hosts[at.Host].ID == dead.host.ID() {
				t.Fatalf("segment %d counts on a host that is dead", s.Number)
			}
		}
	}
	shards := int((b.delivered() - before) / (segmentSize / 2))
	if had := j.receipts(); shards > r.Segments*5-had+lost+4 {
		t.Errorf("%d shards were sent; of %d, %d had receipts and %d were lost", shards, r.Segments*5, had, lost)
	}
	b.get(r.Manifest, content)
}

// anyHost returns a host that has a receipt for the segment.
func (p *progressOf) anyHost(t *testing.T, b *bed) (host peer.ID) {
	t.Helper()
	for _, r := range p.receipts {
		return r.Host
	}
	_, done, err := func() (sealing, finished, error) {
		j, err := openJournal(b.journals()[0])
		if err != nil {
			return sealing{}, finished{}, err
		}
		defer j.close()
		return j.finished(p.sealing.Number)
	}()
	if err != nil {
		t.Fatal(err)
	}
	return done.Placed[0].Host
}

// receipts counts the shards that need not be sent again.
func (j *journal) receipts() (count int) {
	for _, p := range j.segments {
		if p.whole {
			count += j.start.scheme().Shards()
		} else {
			count += len(p.receipts)
		}
	}
	return count
}

func TestRemoveKeepsTheManifestWhenNobodyAnswers(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 1<<20)
	r := b.put(path, PutOptions{})
	for _, k := range b.hosts {
		k.die()
	}
	if _, err := b.engine.Remove(t.Context(), r.Manifest, quiet); !errors.Is(err, ErrNobodyDeleted) {
		t.Errorf("remove: %v", err)
	}
	if _, err := os.Stat(r.Manifest); err != nil {
		t.Errorf("manifest: %v", err)
	}
}

func TestRemoveByACopyForgetsTheFile(t *testing.T) {
	b := newBed(t, 3)
	path, _ := b.file("f", 1<<20)
	other := b.home + "/copy.batchain"
	r := b.put(path, PutOptions{Copy: other})
	b.audit(other, AuditOptions{}, Health{})
	if _, err := b.engine.Remove(t.Context(), other, quiet); err != nil {
		t.Fatal(err)
	}
	for _, gone := range []string{other, other + HealthSuffix, r.Manifest} {
		if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: %v", gone, err)
		}
	}
}

// A put that found no host leaves nothing behind.
func TestPutThatNeverBeganLeavesNoJournal(t *testing.T) {
	b := newBed(t, 0)
	path, _ := b.file("f", 1<<20)
	var short *ShortError
	if _, err := b.engine.Put(t.Context(), Source{Path: path}, PutOptions{}, quiet); !errors.As(err, &short) {
		t.Fatalf("put: %v", err)
	}
	if left := b.journals(); len(left) != 0 {
		t.Errorf("journals: %v", left)
	}
}
