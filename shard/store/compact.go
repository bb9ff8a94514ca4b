package store

import (
	"os"
	"path/filepath"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/disk"
)

// When tables of the index are merged. Badger's own compactors look forty times
// a second whether something was written or not, which is half of what an idle
// node costs: so a small index has none, and Index looks instead. A table holds
// 8 MiB, some 15,000 changes of rows, each of them on the disk before the next:
// level 0 cannot grow from the first bound to the second between two looks. A
// merge reads and writes all of the index; one that is large when it is opened
// is left to Badger, which takes a part at a time.
const (
	largeIndex   = 64 << 20 // bytes of tables, some 120,000 shards
	lookEvery    = 2 * time.Second
	mergedTables = 8  // of level 0; as many are read for a key that is in none
	stallTables  = 24 // … at which Badger has writers wait for the merge
)

// Index is the Badger database of a store and of other small rows of a node. It
// merges its tables itself.
type Index struct {
	*badger.DB
	end  chan struct{}
	done chan struct{}
}

// openIndex leaves an index of large bytes and more to Badger.
func openIndex(options badger.Options, large int64) (*Index, error) {
	size, err := tablesSize(options.Dir)
	if err != nil {
		return nil, err
	}
	if size < large {
		options = options.WithNumCompactors(0).WithNumLevelZeroTables(mergedTables).WithNumLevelZeroTablesStall(stallTables)
	}
	if err := os.MkdirAll(options.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := disk.NeedRoom(options.Dir, badgerRoom); err != nil {
		return nil, err
	}
	if err := disk.RemoveEmpty(options.Dir, ".mem", ".vlog"); err != nil {
		return nil, err
	}
	db, err := badger.Open(options)
	if err != nil {
		return nil, err
	}
	x := &Index{db, make(chan struct{}), make(chan struct{})}
	if size >= large {
		close(x.done)
		return x, nil
	}
	go x.compact()
	return x, nil
}

// tablesSize is the bytes of the tables in dir.
func tablesSize(dir string) (size int64, err error) {
	paths, err := filepath.Glob(filepath.Join(dir, "*.sst"))
	if err != nil {
		return 0, err
	}
	for _, path := range paths {
		info, err := os.Stat(path)
		if err != nil {
			return 0, err
		}
		size += info.Size()
	}
	return size, nil
}

// badgerRoom is the bytes that Badger may write when it is opened or closed: two memtables
// and a new log. See [disk.NeedRoom].
const badgerRoom = 24 << 20

// Close waits for a merge that is under way, seconds at most, and closes the
// database. On a full disk it leaves that to the end of the process, which holds the folder
// until then: every transaction is on the disk, so the next start has all of it.
func (x *Index) Close() error {
	close(x.end)
	<-x.done
	if disk.NeedRoom(x.Opts().Dir, badgerRoom) != nil {
		return nil
	}
	return x.DB.Close()
}

// compact merges all tables into one level whenever level 0 has many. One that
// fails is tried again at the next look.
func (x *Index) compact() {
	defer close(x.done)
	look := time.NewTicker(lookEvery)
	defer look.Stop()
	for {
		select {
		case <-x.end:
			return
		case <-look.C:
		}
		x.merge()
	}
}

// merge does not begin where the disk may not take all tables once more: Badger removes the
// old ones last.
func (x *Index) merge() {
	levels := x.Levels()
	room := int64(badgerRoom)
	for _, level := range levels {
		room += level.Size
	}
	if levels[0].NumTables >= mergedTables && disk.NeedRoom(x.Opts().Dir, room) == nil {
		_ = x.Flatten(1)
	}
}
