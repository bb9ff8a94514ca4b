package devices

import (
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
)

// fill puts many files at once, as they are after years.
func (m *machine) fill(count int) {
	for range count {
		id := shard.NewFileID()
		must(m.town.t, os.WriteFile(m.manifest(id), manifestOf(m.town.t, m.seed, id, "file"), 0o600))
	}
}

// listed counts the files of the durable list.
func (m *machine) listed() int { return len(m.cat.Files()) }

// BenchmarkLongList is what many files cost: the first meeting with a device that
// has all of them, and with one that has none; one more put, and a start on what
// is kept. Times are in seconds, of both devices, which share this machine.
func BenchmarkLongList(b *testing.B) {
	count := 2_000
	if testing.Short() {
		count = 500
	}
	for range b.N {
		w := newTown(b)
		w.patience = 5 * time.Minute
		seed := shard.NewSeed()
		one, same, empty := w.machine(seed), w.machine(seed), w.machine(seed)
		one.fill(count)
		must(b, os.CopyFS(same.manifests(), os.DirFS(one.manifests())))
		one.on()
		same.on()
		w.await("they meet", func() bool { return one.Seen() == 1 && same.Seen() == 1 })
		began := time.Now()
		w.await("listed", func() bool { return same.files.Len() == count && one.files.Len() == count })
		b.ReportMetric(time.Since(began).Seconds(), "s/first-meeting")
		counts := one.replica.Counts()
		b.ReportMetric(float64(counts.Updates)/float64(count), "updates/file")
		b.ReportMetric(float64(counts.Bytes)/float64(count), "B/file")

		same.off()
		began = time.Now()
		empty.on()
		w.await("handed over", func() bool { return empty.listed() == count })
		b.ReportMetric(time.Since(began).Seconds(), "s/empty-device")

		began = time.Now()
		one.put("one more")
		w.await("one more", func() bool { return empty.listed() == count+1 })
		b.ReportMetric(time.Since(began).Seconds(), "s/one-more")

		empty.off()
		var before, after runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&before)
		began = time.Now()
		empty.on()
		w.await("it is back", func() bool { return empty.Seen() == 1 })
		b.ReportMetric(time.Since(began).Seconds(), "s/return")
		runtime.GC()
		runtime.ReadMemStats(&after)
		b.ReportMetric(float64(after.HeapAlloc-before.HeapAlloc)/float64(count), "heap-B/file")
		one.off()
		empty.off()
	}
}
