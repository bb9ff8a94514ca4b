package store

import (
	"errors"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/disk/disktest"
)

// A disk that somebody else fills to the last byte while the index has more tables than it
// may: the process neither ends in a merge nor at its close, the next one does not open the
// index before there is room, and has every row then.
func TestIndexOnFullDisk(t *testing.T) {
	const tables = mergedTables + 1
	put := func(t *testing.T, dir string, row byte) *Index {
		x, err := OpenIndex(filepath.Join(dir, "index"))
		if err == nil {
			err = x.Update(func(txn *badger.Txn) error { return txn.Set([]byte{row}, make([]byte, 32<<10)) })
		}
		if err != nil {
			t.Fatal(err)
		}
		return x
	}
	inside := func(t *testing.T, dir string) {
		for row := range byte(tables) { // each close makes one
			if err := put(t, dir, row).Close(); err != nil {
				t.Fatal(err)
			}
		}
		x := put(t, dir, tables)
		if n := x.Levels()[0].NumTables; n < tables {
			t.Fatalf("%d tables", n)
		}
		disktest.Fill(t, dir)
		x.merge()
		if err := x.Close(); err != nil {
			t.Fatal(err)
		}
	}
	disktest.Small(t, 192<<20, inside, func(t *testing.T, dir string) {
		disktest.Fill(t, dir)
		if _, err := OpenIndex(filepath.Join(dir, "index")); !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("opened on a full disk: %v", err)
		}
		disktest.Free(t, dir)
		x := put(t, dir, tables+1)
		err := x.View(func(txn *badger.Txn) error {
			for row := range byte(tables + 2) {
				if _, err := txn.Get([]byte{row}); err != nil {
					t.Errorf("row %d: %v", row, err)
				}
			}
			return nil
		})
		if err := errors.Join(err, x.Close()); err != nil {
			t.Error(err)
		}
	})
}
