//go:build unix

package gossip_test

import (
	"runtime"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/gossip"
)

// BenchmarkIdle measures what a member of twenty costs on real hosts that say
// nothing new: in microseconds of CPU in a second and in KiB of memory, above
// what twenty connected hosts without gossip cost. It takes two minutes; run it
// with -benchtime 1x.
func BenchmarkIdle(b *testing.B) {
	if testing.Short() {
		b.Skip("skipped with -short: it takes two minutes")
	}
	const size, span = 20, 30 * time.Second
	for b.Loop() {
		hosts := make([]host.Host, size)
		for i := range hosts {
			hosts[i] = newHost(b, key(i))
			for _, h := range hosts[:i] {
				if err := hosts[i].Connect(b.Context(), peer.AddrInfo{ID: h.ID(), Addrs: h.Addrs()}); err != nil {
					b.Fatal(err)
				}
			}
		}
		<-time.After(20 * time.Second)
		quiet, before := spent(b, span)
		members := run(b, hosts, gossip.Options{})
		eventually(b, "everyone lives", func() bool { return (&mesh{members: members}).everyoneKnowsEveryone() })
		<-time.After(20 * time.Second)
		busy, after := spent(b, span)
		b.ReportMetric(float64((busy-quiet).Microseconds())/size/span.Seconds(), "cpu-µs/s/member")
		b.ReportMetric(float64(quiet.Microseconds())/size/span.Seconds(), "cpu-µs/s/host")
		b.ReportMetric((after-before)/(1<<10)/size, "KiB/member")
	}
}

// spent returns the CPU time of a span in which nothing is done, and the memory
// in use after it.
func spent(b *testing.B, span time.Duration) (cpu time.Duration, bytes float64) {
	b.Helper()
	began := cpuTime(b)
	timer := time.NewTimer(span) // what is measured is rest
	<-timer.C
	cpu = cpuTime(b) - began
	runtime.GC()
	var memory runtime.MemStats
	runtime.ReadMemStats(&memory)
	return cpu, float64(memory.HeapAlloc + memory.StackInuse)
}

func cpuTime(t testing.TB) time.Duration {
	t.Helper()
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		t.Fatal(err)
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
