package hive

import (
	"errors"
	"fmt"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// turn is one transaction, and what it changes in memory.
type turn struct {
	*Hive
	txn      *badger.Txn
	now      int64
	err      error // of the database: the first one, and the transaction is void
	writes   int
	size     int // bytes written so far
	groups   map[*group]bool
	projects map[*project]bool
	marks    map[reputationName]bool // reputations that changed
	outputs  map[outputName][]byte   // of results that came in this turn
	after    []func()                // once all is on the disk
}

type outputName struct {
	group  *group
	digest work.Digest
}

func (t *turn) put(key []byte, v any) { t.putFor(key, v, 0) }

// putFor writes a row that Badger may drop after a time; 0: never.
func (t *turn) putFor(key []byte, v any, life time.Duration) {
	row, err := encodeRow(v)
	if err == nil {
		entry := badger.NewEntry(key, row)
		if life > 0 {
			entry = entry.WithTTL(life)
		}
		err = t.txn.SetEntry(entry)
	}
	t.writes++
	t.size += len(key) + len(row)
	t.fail(key, err)
}

func (t *turn) del(key []byte) {
	t.writes++
	t.fail(key, t.txn.Delete(key))
}

// get decodes the row at key and reports whether there is one.
func (t *turn) get(key []byte, v any) bool {
	found, err := getRow(t.txn, key, v)
	t.fail(key, err)
	return found && err == nil
}

func (t *turn) fail(key []byte, err error) {
	if err != nil && t.err == nil {
		t.err = fmt.Errorf("row %c: %w", key[0], err)
	}
}

func getRow(txn *badger.Txn, key []byte, v any) (bool, error) {
	item, err := txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	return true, item.Value(func(row []byte) error { return decodeRow(row, v) })
}

// flush writes the rows of what changed, and returns once they are on the
// disk.
func (t *turn) flush() error {
	for g := range t.groups {
		if g.project.open[g.seq] == g {
			t.put(seqKey(rowGroup, g.project.id, g.seq), &g.Group)
		}
	}
	for p := range t.projects {
		if t.Hive.projects[p.id] == p {
			t.put(projectKey(p.id), &p.row)
		}
	}
	for name := range t.marks {
		t.put(reputationKey(name.program, name.bee), t.reputations[name])
	}
	if t.err != nil || t.writes == 0 {
		return t.err
	}
	free, err := t.free()
	if err != nil {
		return err
	}
	if free < diskFloor {
		return wire.ErrFull.With("no space left for the hive")
	}
	started := time.Now()
	err = t.txn.Commit()
	t.metrics.commits.Observe(time.Since(started).Seconds())
	return err
}

// diskFloor is the bytes that are left on the disk. Badger writes through
// memory maps, in which a full disk would end the process.
const diskFloor = 96 << 20
