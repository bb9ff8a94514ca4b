package transfer

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/batchain/batchain/shard"
)

var twoThree = shard.Scheme{Data: 2, Parity: 3}

const segmentSize = 256 << 10

// newCutBed is a bed of five hosts whose files have many small segments.
func newCutBed(t *testing.T) *bed {
	b := newBed(t, 5)
	b.cut(twoThree, segmentSize)
	return b
}

// tryPut puts until progress has been reported after times, and cancels then.
func (b *bed) tryPut(source Source, opts PutOptions, after int) (PutResult, error) {
	ctx, cancel := context.WithCancel(b.t.Context())
	defer cancel()
	return b.engine.Put(ctx, source, opts, func(p Progress) {
		if p.Phase == "put" {
			if after--; after == 0 {
				cancel()
			}
		}
	})
}

// journals lists the bed's journals.
func (b *bed) journals() []string {
	b.t.Helper()
	paths, err := filepath.Glob(filepath.Join(b.home, "journal", "*"))
	if err != nil {
		b.t.Fatal(err)
	}
	return paths
}

// journal reads the one journal there is.
func (b *bed) journal() *journal {
	b.t.Helper()
	paths := b.journals()
	if len(paths) != 1 {
		b.t.Fatalf("journals: %v", paths)
	}
	j, err := openJournal(paths[0])
	if err != nil {
		b.t.Fatal(err)
	}
	if err := j.close(); err != nil {
		b.t.Fatal(err)
	}
	return j
}

// receipts counts the shards of a journal that are under receipt.
func (b *bed) receipts(j *journal) (count int) {
	for _, p := range j.segments {
		if p.whole {
			count += j.start.scheme().Shards()
		} else {
			count += len(p.receipts)
		}
	}
	return count
}
