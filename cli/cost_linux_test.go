package cli_test

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"
)

// BenchmarkPutMemory puts a stream from stdin on 22 hosts and prints the peak
// memory of the command above an idle node's. The figure must not grow with the
// file: BATCHAIN_BENCH_MIB=10240 tries 10 GiB.
func BenchmarkPutMemory(b *testing.B) {
	f := newFleet(b, 22)
	size := benchSize(1<<30, 48<<20)
	for i := range b.N {
		idle := f.nodes[1].resident("VmRSS")
		o := f.run(filepath.Join(f.dir, "me"), noise(size), nil, "put", "-", "--name", fmt.Sprint("stream", i))
		if o.code != 0 || o.result["scheme"] != "8+12" {
			b.Fatalf("put: exit %d, %v", o.code, o.result)
		}
		b.ReportMetric(o.peak()-idle, "MiB-above-idle")
		b.ReportMetric(o.result["bytes_sent"].(float64)/float64(size)/2.5, "×wire-bytes")
		got := f.run(filepath.Join(f.dir, "me"), nil, nil, "get", o.result["id"].(string), "-o", filepath.Join(f.dir, "back"), "--force")
		if got.code != 0 {
			b.Fatalf("get: exit %d, %v", got.code, got.result)
		}
		b.ReportMetric(got.peak()-idle, "MiB-above-idle-get")
	}
	b.SetBytes(size)
}

// BenchmarkHostMemory lets eight owners put at once on three hosts, and prints
// the peak memory of the busiest host above what it had when idle.
func BenchmarkHostMemory(b *testing.B) {
	f := newFleet(b, 3)
	size := benchSize(256<<20, 16<<20)
	idle := f.nodes[0].resident("VmRSS")
	for i := range b.N {
		var owners sync.WaitGroup
		for owner := range 8 {
			owners.Go(func() {
				o := f.run(filepath.Join(f.dir, fmt.Sprint("owner", owner)), noise(size), nil, "put", "-", "--name", fmt.Sprint(i))
				if o.code != 0 {
					b.Errorf("put: exit %d, %v", o.code, o.result)
				}
			})
		}
		owners.Wait()
		most := 0.0
		for _, s := range f.nodes {
			most = max(most, s.resident("VmHWM"))
		}
		b.ReportMetric(most-idle, "MiB-above-idle")
	}
	b.SetBytes(8 * size)
}

// BenchmarkDeadAndStalled puts on 22 hosts, and again while one host is killed
// and one frozen, and prints the second time as a multiple of the first.
func BenchmarkDeadAndStalled(b *testing.B) {
	deadAndStalled(b, 22, 0)
}

// BenchmarkDeadAndStalledWithoutSpares does the same on 20 hosts, where nobody
// can step in: the put must end with what it has, and say so.
func BenchmarkDeadAndStalledWithoutSpares(b *testing.B) {
	if testing.Short() {
		b.Skip("skipped with -short: a host that stalls is waited for a minute")
	}
	deadAndStalled(b, 20, 3)
}

func deadAndStalled(b *testing.B, hosts, code int) {
	size := benchSize(1<<30, 256<<20)
	for i := range b.N {
		f := newFleet(b, hosts)
		file := filepath.Join(f.dir, "file")
		if err := writeFile(file, noise(size)); err != nil {
			b.Fatal(err)
		}
		put := []string{"put", file, "--scheme", "8+12", "--name", fmt.Sprint(i)}
		calm := f.run(filepath.Join(f.dir, "calm"), nil, nil, put...)
		var once sync.Once
		storm := f.run(filepath.Join(f.dir, "storm"), nil, func(_ *exec.Cmd, done float64) {
			if done > float64(size)/4 {
				once.Do(func() {
					_ = f.nodes[1].cmd.Process.Kill()
					_ = f.nodes[2].cmd.Process.Signal(syscall.SIGSTOP)
				})
			}
		}, put...)
		if calm.code != 0 || storm.code != code {
			b.Fatalf("exit %d, then %d where %d is right: %v", calm.code, storm.code, code, storm.result)
		}
		b.ReportMetric(storm.seconds/calm.seconds, "×calm-time")
		b.ReportMetric(storm.seconds-calm.seconds, "s-more")
	}
	b.SetBytes(2 * size)
}

// BenchmarkIdle lets a mesh of 21 nodes rest for two minutes, and prints what a
// node uses in the minute after that.
func BenchmarkIdle(b *testing.B) {
	if testing.Short() {
		b.Skip("skipped with -short: it takes three minutes")
	}
	f := builtFleet(b, 21)
	for range b.N {
		rest(b, 2*time.Minute)
		before := make([]float64, len(f.nodes))
		for i, s := range f.nodes {
			before[i] = s.cpu()
		}
		rest(b, time.Minute)
		cpu, most := 0.0, 0.0
		var resident []float64
		for i, s := range f.nodes {
			used := (s.cpu() - before[i]) / 60 * 100
			cpu, most = cpu+used/float64(len(f.nodes)), max(most, used)
			resident = append(resident, s.resident("VmRSS"))
		}
		b.ReportMetric(cpu, "%core")
		b.ReportMetric(most, "%core-most")
		slices.Sort(resident)
		b.ReportMetric(resident[len(resident)/2], "MiB-median")
		b.ReportMetric(resident[len(resident)-1], "MiB-most")
	}
}

func writeFile(path string, from io.Reader) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer file.Close()
	_, err = io.Copy(file, from)
	return err
}

// rest lets time pass: rest is what is measured.
func rest(b *testing.B, d time.Duration) {
	select {
	case <-time.After(d):
	case <-b.Context().Done():
	}
}
