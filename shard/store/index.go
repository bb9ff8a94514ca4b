package store

import (
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// OpenIndex opens the Badger database in dir, made if missing, with the
// settings that an index of small rows wants: little memory, and every
// transaction on the disk before it counts. A database whose writer syncs only
// now and then does not do: when other parts write to it, Badger may change
// its log file between our write and our sync.
func OpenIndex(dir string) (*Index, error) {
	x, err := openIndex(indexOptions(dir), largeIndex)
	if err != nil {
		return nil, fmt.Errorf("open index: %w", err)
	}
	return x, nil
}

// indexOptions bounds what Badger takes. A compaction builds eight tables and
// more at one time, each in twice its room: so they are small on every level.
// With a base level of 128 MiB an index of a million shards has two levels, and
// a compaction of what a pass of expiry has written touches fewer pages than
// with more.
func indexOptions(dir string) badger.Options {
	options := badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(true).
		WithMemTableSize(8 << 20).
		WithNumMemtables(2).
		WithNumCompactors(2). // the fewest; see openIndex
		WithValueLogFileSize(64 << 20).
		WithBlockCacheSize(0).
		WithCompression(options.None).
		WithBaseLevelSize(128 << 20).
		WithMetricsEnabled(false)
	options.TableSizeMultiplier = 1
	return options
}

// errStopped means that Run has ended.
var errStopped = errors.New("store is stopped")

// view runs read on a snapshot of the index. It keeps Run from returning
// meanwhile, so that nobody reads a database that its owner has closed.
func (s *Store) view(read func(tx) error) error {
	s.gate.RLock()
	defer s.gate.RUnlock()
	if s.stopped {
		return errStopped
	}
	return s.db.View(func(txn *badger.Txn) error { return read(tx{txn}) })
}

// tx reads and writes rows in one transaction.
type tx struct{ txn *badger.Txn }

// get decodes the row at key into v, which may be nil. It reports whether
// there is one.
func (t tx) get(key []byte, v any) (bool, error) {
	item, err := t.txn.Get(key)
	if errors.Is(err, badger.ErrKeyNotFound) {
		return false, nil
	}
	if err != nil || v == nil {
		return err == nil, err
	}
	err = item.Value(func(data []byte) error { return decodeRow(data, v) })
	if err != nil {
		return false, fmt.Errorf("row %.2s: %w", key, err)
	}
	return true, nil
}

func (t tx) put(key []byte, v any) error {
	row, err := encodeRow(v)
	if err != nil {
		return fmt.Errorf("row %.2s: %w", key, err)
	}
	return t.txn.Set(key, row)
}

func (t tx) del(key []byte) error { return t.txn.Delete(key) }

// tails calls each with the rest of every key that begins with prefix, from
// the first one after prefix‖after, until it returns false. The slice is the
// callee's.
func (t tx) tails(prefix, after []byte, each func(tail []byte) (bool, error)) error {
	it := t.txn.NewIterator(badger.IteratorOptions{Prefix: prefix})
	defer it.Close()
	from := append(append([]byte(nil), prefix...), after...)
	if len(after) > 0 {
		from = append(from, 0)
	}
	for it.Seek(from); it.ValidForPrefix(prefix); it.Next() {
		more, err := each(it.Item().KeyCopy(nil)[len(prefix):])
		if err != nil || !more {
			return err
		}
	}
	return nil
}
