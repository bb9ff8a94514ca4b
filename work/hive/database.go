package hive

import (
	"crypto/rand"
	"errors"
	"fmt"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
)

// databaseOptions keeps memory small. A transaction may hold a sixth of a
// memtable: more than two results of the largest size.
func databaseOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithSyncWrites(true).
		WithMemTableSize(24 << 20).
		WithNumMemtables(2).
		WithNumCompactors(2).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(64 << 20).
		WithBlockCacheSize(0).
		WithCompression(options.None).
		WithBaseTableSize(8 << 20).
		WithMetricsEnabled(false)
}

func (h *Hive) checkFormat() error {
	return h.db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte{rowFormat})
		if errors.Is(err, badger.ErrKeyNotFound) {
			return txn.Set([]byte{rowFormat}, []byte{format})
		}
		if err != nil {
			return err
		}
		return item.Value(func(v []byte) error {
			if len(v) != 1 || v[0] != format {
				return fmt.Errorf("format %x, this program knows %d", v, format)
			}
			return nil
		})
	})
}

// secret returns the key of tokens, made at the first start.
func (h *Hive) secret() (secret []byte, err error) {
	err = h.db.Update(func(txn *badger.Txn) error {
		item, err := txn.Get([]byte{rowSecret})
		if errors.Is(err, badger.ErrKeyNotFound) {
			secret = make([]byte, 16)
			rand.Read(secret)
			return txn.Set([]byte{rowSecret}, secret)
		}
		if err != nil {
			return err
		}
		secret, err = item.ValueCopy(nil)
		if len(secret) < 16 {
			return errors.New("the secret is cut short")
		}
		return err
	})
	return secret, err
}

// badgerRoom is the bytes that Badger may write when it is opened or closed: two memtables
// and a new log. See [disk.NeedRoom].
const badgerRoom = 64 << 20

// view runs read on a snapshot of the database.
func (h *Hive) view(read func(*badger.Txn) error) error {
	h.gate.RLock()
	defer h.gate.RUnlock()
	if h.closed {
		return ErrStopped
	}
	return h.db.View(read)
}
