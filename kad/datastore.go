package kad

import (
	"context"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/ipfs/go-datastore"
)

// NewDatastore returns a datastore whose rows are those of db under
//
//	PREFIX "/" path
//
// so that many parts share one database. Closing it closes nothing. Writes are
// durable when Sync has returned, or at once where db syncs every write.
//
// The contexts are not looked at: an operation is short, and kad-dht writes its
// state at the end under a context it has cancelled. No transaction stays open
// between two results of a query, so a forgotten one holds nothing; it sees rows
// written meanwhile.
//
// room, if not nil, is asked before every write, a deletion too, and once per
// batch; while it says no they fail with [ErrNoRoom]. Badger writes to files
// with holes that it has mapped into memory: on a full disk that does not fail,
// it ends the process (SIGBUS).
func NewDatastore(db *badger.DB, prefix string, room func() bool) datastore.Batching {
	return &rows{db: db, prefix: prefix, room: room}
}

// ErrNoRoom says that the disk has no room for what was to be written.
var ErrNoRoom = errors.New("no room on the disk")

type rows struct {
	db     *badger.DB
	prefix string
	room   func() bool // nil: always
}

// writable says why nothing may be written now.
func (r *rows) writable() error {
	if r.room != nil && !r.room() {
		return ErrNoRoom
	}
	return nil
}

func (r *rows) update(change func(*badger.Txn) error) error {
	if err := r.writable(); err != nil {
		return err
	}
	return r.db.Update(change)
}

func (r *rows) row(key datastore.Key) []byte { return []byte(r.prefix + key.String()) }

// Get returns a copy of the value, or datastore.ErrNotFound.
func (r *rows) Get(_ context.Context, key datastore.Key) (value []byte, err error) {
	err = r.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(r.row(key))
		if err != nil {
			return err
		}
		value, err = item.ValueCopy(nil)
		return err
	})
	return value, wrap("get", key, err)
}

// Has reports whether the key is there.
func (r *rows) Has(ctx context.Context, key datastore.Key) (bool, error) {
	_, err := r.GetSize(ctx, key)
	if errors.Is(err, datastore.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// GetSize returns the length of the value, or datastore.ErrNotFound and -1.
func (r *rows) GetSize(_ context.Context, key datastore.Key) (int, error) {
	size := -1
	err := r.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(r.row(key))
		if err != nil {
			return err
		}
		return item.Value(func(value []byte) error { size = len(value); return nil })
	})
	return size, wrap("size", key, err)
}

// Put writes one row.
func (r *rows) Put(_ context.Context, key datastore.Key, value []byte) error {
	return wrap("put", key, r.update(func(txn *badger.Txn) error { return txn.Set(r.row(key), value) }))
}

// Delete removes one row; one that is not there is no error.
func (r *rows) Delete(_ context.Context, key datastore.Key) error {
	return wrap("delete", key, r.update(func(txn *badger.Txn) error { return txn.Delete(r.row(key)) }))
}

// Sync makes all writes before it durable.
func (r *rows) Sync(_ context.Context, key datastore.Key) error {
	return wrap("sync", key, r.db.Sync())
}

// Close does nothing: the database belongs to the caller.
func (r *rows) Close() error { return nil }

func wrap(operation string, key datastore.Key, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, badger.ErrKeyNotFound):
		return datastore.ErrNotFound
	}
	return fmt.Errorf("datastore %s %s: %w", operation, key, err)
}

// Batch collects writes; Commit carries them out in their order.
func (r *rows) Batch(context.Context) (datastore.Batch, error) { return &batch{rows: r}, nil }

type batch struct {
	rows   *rows
	writes []write
}

type write struct {
	row, value []byte
	remove     bool
}

func (b *batch) Put(_ context.Context, key datastore.Key, value []byte) error {
	b.writes = append(b.writes, write{row: b.rows.row(key), value: value})
	return nil
}

func (b *batch) Delete(_ context.Context, key datastore.Key) error {
	b.writes = append(b.writes, write{row: b.rows.row(key), remove: true})
	return nil
}

func (b *batch) Commit(context.Context) error {
	if b.rows.db.IsClosed() {
		return fmt.Errorf("datastore batch: %w", badger.ErrDBClosed)
	}
	if err := b.rows.writable(); err != nil {
		return fmt.Errorf("datastore batch: %w", err)
	}
	txn := b.rows.db.NewWriteBatch()
	defer txn.Cancel()
	for _, w := range b.writes {
		err := error(nil)
		if w.remove {
			err = txn.Delete(w.row)
		} else {
			err = txn.Set(w.row, w.value)
		}
		if err != nil {
			return fmt.Errorf("datastore batch: %w", err)
		}
	}
	if err := txn.Flush(); err != nil {
		return fmt.Errorf("datastore batch: %w", err)
	}
	return nil
}
