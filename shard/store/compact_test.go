package store

import (
	"crypto/rand"
	"encoding/binary"
	"testing"

	"github.com/dgraph-io/badger/v4"
)

// More is written than level 0 may hold: the writer would wait for good if nobody
// merged its tables.
func TestIndexMerges(t *testing.T) {
	options := indexOptions(t.TempDir()).WithSyncWrites(false).WithMemTableSize(256 << 10).WithValueThreshold(36 << 10)
	x, err := openIndex(options, largeIndex)
	if err != nil {
		t.Fatal(err)
	}
	if n := x.Opts().NumCompactors; n != 0 {
		t.Errorf("a small index has %d compactors of Badger's", n)
	}
	const rows = 3 * stallTables * 16
	key := func(i uint32) []byte { return binary.BigEndian.AppendUint32(nil, i) }
	value := make([]byte, 16<<10)
	_, _ = rand.Read(value)
	for i := range uint32(rows) {
		err := x.Update(func(txn *badger.Txn) error { return txn.Set(key(i), append(key(i), value...)) })
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := x.Levels()[0].NumTables; n > stallTables {
		t.Errorf("%d tables of level 0", n)
	}
	if n := x.Levels()[len(x.Levels())-1].NumTables; n == 0 {
		t.Error("nothing was merged")
	}
	if err := x.Close(); err != nil {
		t.Fatal(err)
	}
	if x, err = openIndex(options, 1<<20); err != nil {
		t.Fatal(err)
	}
	defer x.Close()
	if n := x.Opts().NumCompactors; n == 0 {
		t.Error("a large index is not left to Badger")
	}
	err = x.View(func(txn *badger.Txn) error {
		for i := range uint32(rows) {
			item, err := txn.Get(key(i))
			if err != nil {
				return err
			}
			if err := item.Value(func(data []byte) error {
				if binary.BigEndian.Uint32(data) != i || len(data) != 4+len(value) {
					t.Errorf("row %d is another", i)
				}
				return nil
			}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}
