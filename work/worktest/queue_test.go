package worktest

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
)

// BenchmarkQueue is a hive with a million units in its queue: how long it takes to
// open, what memory it has, and how fast it is at the beginning of the queue and
// later. It runs once.
func BenchmarkQueue(b *testing.B) {
	const units, part = 1_000_000, 20_000
	ctx, dir := b.Context(), b.TempDir()
	h, stop := queueHive(b, dir)
	if err := h.Create(ctx, project("queue", work.Policy{Rule: work.Quorum, Quorum: 1})); err != nil {
		b.Fatal(err)
	}
	batch := make([]work.Unit, 4096)
	for i := range batch {
		batch[i].Input = make([]byte, 100)
	}
	for n := 0; n < units; n += len(batch) {
		if _, err := h.Add(ctx, "queue", batch...); err != nil {
			b.Fatal(err)
		}
	}
	stop()
	runtime.GC()
	debug.FreeOSMemory()
	began := time.Now()
	h, _ = queueHive(b, dir)
	if _, err := h.Show(ctx, "queue"); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(began).Seconds(), "s-to-open")
	rates := make([]float64, 5)
	for i := range rates {
		rates[i] = drain(b, h, part)
	}
	b.ReportMetric(rates[0], "first-units/s")
	b.ReportMetric(rates[len(rates)-1], "last-units/s")
	b.ReportMetric(resident(b), "MiB-resident")
}

func queueHive(b *testing.B, dir string) (*hive.Hive, func()) {
	b.Helper()
	h, err := hive.Open(hive.Config{Dir: dir, Self: Peer(0), Strength: -1})
	if err != nil {
		b.Fatal(err)
	}
	return h, Run(b, h.Run)
}

// drain does n units and returns how many it did in a second.
func drain(b *testing.B, h *hive.Hive, n int) float64 {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	defer cancel()
	before, err := h.Show(ctx, "queue")
	if err != nil {
		b.Fatal(err)
	}
	var stops []func()
	began := time.Now()
	for i := range 4 {
		s, err := h.Session(ctx, work.Member{Peer: Peer(10 + i)})
		if err != nil {
			b.Fatal(err)
		}
		stops = append(stops, Bee(b, s, nothing))
	}
	until(b, func() bool {
		s, err := h.Show(ctx, "queue")
		return err != nil || s.Valid >= before.Valid+uint64(n)
	})
	rate := float64(n) / time.Since(began).Seconds()
	for _, stop := range stops {
		stop()
	}
	return rate
}

// until polls for an event for at most a minute.
func until(b testing.TB, happened func() bool) {
	b.Helper()
	deadline := time.Now().Add(time.Minute)
	for !happened() {
		if time.Now().After(deadline) {
			b.Fatal("still not so")
		}
		<-time.After(10 * time.Millisecond)
	}
}

// resident is the memory of this process, in MiB.
func resident(b *testing.B) float64 {
	b.Helper()
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		b.Skip("memory is read on Linux only")
	}
	for line := range strings.Lines(string(status)) {
		var kib float64
		if n, _ := fmt.Sscanf(line, "VmRSS: %f kB", &kib); n == 1 {
			return kib / 1024
		}
	}
	return 0
}
