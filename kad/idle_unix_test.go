//go:build unix

package kad_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p"
)

// BenchmarkIdle measures what twenty connected nodes cost that do nothing, two
// minutes after their start: in percent of one core, and in heap, per node. It
// takes three minutes; run it with -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	if testing.Short() {
		b.Skip("skipped with -short: it takes three minutes")
	}
	const size = 20
	for b.Loop() {
		nodes := []*node{}
		for range size {
			h, err := libp2p.New(libp2p.ListenAddrStrings("/ip4/127.0.0.1/tcp/0", "/ip4/127.0.0.1/udp/0/quic-v1"), libp2p.DisableRelay())
			if err != nil {
				b.Fatal(err)
			}
			b.Cleanup(func() { _ = h.Close() })
			nodes = append(nodes, startOn(b, h, via(nodes...)))
			if err := nodes[len(nodes)-1].Provide(b.Context(), locator(len(nodes))); err != nil {
				b.Fatal(err)
			}
		}
		<-time.After(2 * time.Minute)
		for _, n := range nodes {
			if n.Size() != size-1 {
				b.Fatalf("%d peers", n.Size())
			}
		}
		begin, cpu := time.Now(), cpuTime(b)
		<-time.After(time.Minute)
		used := cpuTime(b) - cpu
		runtime.GC()
		var memory runtime.MemStats
		runtime.ReadMemStats(&memory)
		b.ReportMetric(100*used.Seconds()/time.Since(begin).Seconds()/size, "core-%/node")
		b.ReportMetric(float64(memory.HeapAlloc)/(1<<20)/size, "heap-MiB/node")
		b.ReportMetric(float64(memory.Sys)/(1<<20)/size, "sys-MiB/node")
		b.ReportMetric(float64(runtime.NumGoroutine())/size, "goroutines/node")
		for _, n := range nodes {
			n.stop()
		}
	}
}

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
