//go:build unix

package node_test

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/host"

	"github.com/batchain/batchain/node"
	"github.com/batchain/batchain/node/control"
	"github.com/batchain/batchain/node/nodetest"
	"github.com/batchain/batchain/shard"
)

// track is where the benchmarks run: 22 hosts, an owner without storage, and a
// file. The size is 1 GiB, with -short 64 MiB; BATCHAIN_BENCH_MIB sets another.
type track struct {
	owner *node.Node
	floor *floor
	file  string
	size  int64
	dir   string
}

func newTrack(b *testing.B) *track {
	b.Helper()
	c := nodetest.New(b, 22, nodetest.Options{Capacity: 64 << 30})
	t := &track{owner: c.Client(), dir: b.TempDir(), size: 1 << 30}
	if testing.Short() {
		t.size = 64 << 20
	}
	if mib, err := strconv.ParseInt(os.Getenv("BATCHAIN_BENCH_MIB"), 10, 64); err == nil {
		t.size = mib << 20
	}
	var hosts []host.Host
	for _, m := range c.Nodes {
		hosts = append(hosts, m.Node().Host())
	}
	t.floor = newFloor(b, t.owner.Host(), hosts, shard.Scheme{Data: 8, Parity: 12})
	t.file = filepath.Join(t.dir, "file")
	if err := writeNoise(t.file, t.size); err != nil {
		b.Fatal(err)
	}
	b.SetBytes(t.size)
	return t
}

// put puts the file through the owner's node.
func (t *track) put(b *testing.B) control.PutResult {
	b.Helper()
	r, err := t.owner.Put(b.Context(), control.PutRequest{Path: t.file}, nil, quiet)
	if err != nil {
		b.Fatal(err)
	}
	if r.Scheme != "8+12" || r.Shortfall != "" {
		b.Fatalf("put: %+v", r)
	}
	return r
}

// cost is what a piece of work took: wall clock and processor time of the whole
// process, owner and hosts.
type cost struct{ wall, cpu time.Duration }

func measure(work func()) cost {
	began, before := time.Now(), cpuTime()
	work()
	return cost{time.Since(began), cpuTime() - before}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u) // cannot fail for ourselves
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

func (c *cost) add(o cost) { c.wall, c.cpu = c.wall+o.wall, c.cpu+o.cpu }

// report prints what ours costs in multiples of the floor's.
func report(b *testing.B, ours, floor cost) {
	b.ReportMetric(ours.wall.Seconds()/floor.wall.Seconds(), "×floor-wall")
	b.ReportMetric(ours.cpu.Seconds()/floor.cpu.Seconds(), "×floor-cpu")
	b.ReportMetric(ours.cpu.Seconds()/float64(b.N), "cpu-s/op")
}

// BenchmarkPut puts a file on 22 hosts with 8+12 and compares with the floor,
// run in turn.
func BenchmarkPut(b *testing.B) {
	t := newTrack(b)
	var ours, floor cost
	b.ResetTimer()
	for range b.N {
		b.StopTimer()
		floor.add(measure(func() { t.floor.put(t.file) }))
		b.StartTimer()
		var r control.PutResult
		ours.add(measure(func() { r = t.put(b) }))
		b.StopTimer()
		if err := t.remove(b, r); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.StopTimer()
	report(b, ours, floor)
}

// BenchmarkGet brings the file back and compares with the floor, run in turn.
func BenchmarkGet(b *testing.B) {
	t := newTrack(b)
	t.floor.put(t.file)
	put := t.put(b)
	var ours, floor cost
	b.ResetTimer()
	for i := range b.N {
		b.StopTimer()
		out := filepath.Join(t.dir, fmt.Sprint("out", i))
		floor.add(measure(func() { t.floor.get(out + ".floor") }))
		b.StartTimer()
		ours.add(measure(func() {
			if _, err := t.owner.Get(b.Context(), control.GetRequest{Ref: put.Manifest, Output: out}, nil, quiet); err != nil {
				b.Fatal(err)
			}
		}))
		b.StopTimer()
		if err := cmp.Or(os.Remove(out), os.Remove(out+".floor")); err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
	}
	b.StopTimer()
	report(b, ours, floor)
}

func (t *track) remove(b *testing.B, r control.PutResult) error {
	b.Helper()
	_, err := t.owner.Remove(b.Context(), control.RemoveRequest{Ref: r.Manifest}, quiet)
	return err
}
