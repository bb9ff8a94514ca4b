package store

import (
	"context"
	"encoding/binary"
	"fmt"
	"path/filepath"
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

// BenchmarkOpen opens a store with a million shards, with -short ten thousand.
func BenchmarkOpen(b *testing.B) {
	shards := 1_000_000
	if testing.Short() {
		shards = 10_000
	}
	h := &home{dir: b.TempDir()}
	h.open(b)
	h.close(b)
	fillIndex(b, filepath.Join(h.dir, "index"), shards)
	for b.Loop() {
		h.open(b)
		b.StopTimer()
		if u := h.store.Usage(); u.Shards != int64(shards) {
			b.Errorf("%d shards", u.Shards)
		}
		h.close(b)
		b.StartTimer()
	}
}

// fillIndex writes the rows of n shards that have no files.
func fillIndex(b *testing.B, dir string, n int) {
	b.Helper()
	db, err := OpenIndex(dir)
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
				if _, err := step.lease(bid{Lot: lot, placed: true, now: time.Now()}); err != nil {
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
