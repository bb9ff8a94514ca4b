package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/shard"
)

// BenchmarkReceive stores shards of 2 MiB, everything synced.
func BenchmarkReceive(b *testing.B) {
	for _, writers := range []int{1, 8} {
		b.Run(fmt.Sprint("writers=", writers), func(b *testing.B) {
			h := newHome(b, func(s *Store) { s.capacity = 1 << 40 })
			o := newOwner(b, 1)
			data := randomBytes(2 << 20)
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			lots := make([]shard.Lot, b.N)
			for i := range lots {
				binary.BigEndian.PutUint64(data, uint64(i))
				lots[i] = o.lot(b, data, uint32(i), 0)
			}
			var next atomic.Int64
			var wg sync.WaitGroup
			b.ResetTimer()
			before := cpuSeconds()
			for range writers {
				wg.Go(func() {
					own := append([]byte(nil), data...)
					for i := next.Add(1) - 1; i < int64(b.N); i = next.Add(1) - 1 {
						binary.BigEndian.PutUint64(own, uint64(i))
						if _, err := h.store.Receive(context.Background(), lots[i], sends(own)); err != nil {
							b.Error(err)
						}
					}
				})
			}
			wg.Wait()
			b.StopTimer()
			b.ReportMetric((cpuSeconds()-before)/(float64(b.N)*2/1024), "cpu-s/GiB")
		})
	}
}

// BenchmarkMillion opens a store with the rows of a million shards, asks it how
// full it is, and lets a pass of expiry put every fiftieth of them into the
// trash. With -short it has ten thousand. Goals: open 5 s, usage 1 ms, resident
// 256 MiB; pages of the index that Badger has mapped are told apart, because the
// system takes them back whenever it wants them. Another process writes the
// rows, so that what that takes is not counted here.
func BenchmarkMillion(b *testing.B) {
	shards := 1_000_000
	if testing.Short() {
		shards = 10_000
	}
	var clock testClock
	h := &home{dir: b.TempDir()}
	h.open(b, clock.use)
	h.close(b)
	size := fillInChild(b, filepath.Join(h.dir, "index"), shards)
	if err := os.Mkdir(filepath.Join(h.shards(), "00"), 0o700); err != nil { // the rows have no files
		b.Fatal(err)
	}
	for b.Loop() {
		debug.FreeOSMemory()
		start := time.Now()
		h.open(b, clock.use)
		b.ReportMetric(time.Since(start).Seconds(), "open-s")
		start = time.Now()
		u := h.store.Usage()
		b.ReportMetric(time.Since(start).Seconds()*1000, "usage-ms")
		if u.Shards != int64(shards) || u.Places != u.Shards {
			b.Errorf("usage %+v", u)
		}
		clock.pass(expireStep)
		if keys, err := h.store.dueBy(clock.now().Unix()); err != nil || len(keys) != dropAtOnce {
			b.Errorf("%d leases are due before the pass: %v", len(keys), err)
		}
		start = time.Now()
		mustExpire(b, h.store)
		b.ReportMetric(time.Since(start).Seconds(), "pass-s")
		start = time.Now()
		mustExpire(b, h.store)
		b.ReportMetric(time.Since(start).Seconds()*1000, "idle-pass-ms")
		own, mapped := residentMiB()
		b.ReportMetric(own, "resident-MiB")
		b.ReportMetric(mapped, "mapped-MiB")
		if keys, err := h.store.dueBy(clock.now().Unix()); err != nil || len(keys) != 0 {
			b.Errorf("%d leases are due after the pass: %v", len(keys), err)
		}
		h.close(b)
	}
	b.ReportMetric(float64(size)/float64(shards), "index-B/shard")
}

// expireStep is how far apart the lease ends are that fillIndex sets, fifty of
// them.
const expireStep = GraceTime + 2*time.Hour

// The test binary runs itself with these set, to fill an index.
const (
	fillDir    = "STORE_FILL_DIR"
	fillShards = "STORE_FILL_SHARDS"
)

// fillInChild lets another process fill the index, and returns how many bytes it
// takes.
func fillInChild(b *testing.B, dir string, n int) (size int64) {
	b.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), fillDir+"="+dir, fillShards+"="+strconv.Itoa(n))
	if out, err := cmd.CombinedOutput(); err != nil {
		b.Fatalf("%v\n%s", err, out)
	}
	err := filepath.WalkDir(dir, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		info, err := entry.Info()
		size += info.Size()
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return size
}

// fillIndex writes the rows of n shards that have no files, as fast as Badger can
// with compactors of its own.
func fillIndex(b testing.TB, dir string, n int) {
	b.Helper()
	db, err := badger.Open(indexOptions(dir).WithSyncWrites(false))
	if err != nil {
		b.Fatal(err)
	}
	o := newOwner(b, 1)
	lot := o.lot(b, []byte("bytes"), 0, 0)
	count := counters{}
	for done := 0; done < n; done += 500 {
		err := db.Update(func(txn *badger.Txn) error {
			step := &batch{tx: tx{txn}, count: count}
			for i := done; i < done+500; i++ {
				binary.BigEndian.PutUint64(lot.Offer.Shard[8:], uint64(i)*0x9e3779b97f4a7c15)
				binary.BigEndian.PutUint64(lot.Offer.Shard[:], uint64(i)*0xbf58476d1ce4e5b9)
				lot.Offer.Segment, lot.Offer.Length = uint32(i), 2<<20
				lot.Offer.Lease = uint32(time.Duration(i%50) * expireStep / time.Second)
				if _, err := step.lease(bid{Lot: lot, placed: true, time: time.Now().UnixNano(), now: time.Now()}); err != nil {
					return err
				}
			}
			count = step.count
			return step.put([]byte(keyCounters), count)
		})
		if err != nil {
			b.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}
