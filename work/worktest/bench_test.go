package worktest

import (
	"context"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/bee"
	"github.com/batchain/batchain/work/hive"
)

// nothing is a program that does nothing.
var nothing = bee.Inline{"square": func(context.Context, []byte) ([]byte, error) { return []byte("done"), nil }}

// BenchmarkUnits is units that cost nothing, from Add to a datachunk that is
// acknowledged, everything on the disk: with bees in the hive's process, and
// over loopback TCP. It prints the rate of the whole and of its phases: adding,
// and working, which are one after the other.
func BenchmarkUnits(b *testing.B) {
	policies := map[string]work.Policy{
		"once":     {Rule: work.Quorum, Quorum: 1},
		"credible": {},
	}
	for name, policy := range policies {
		b.Run("inline/"+name, func(b *testing.B) {
			h := Hive(b, nil)
			benchmarkUnits(b, h, policy, func(n int) bee.Hive {
				s, err := h.Session(b.Context(), work.Member{Peer: Peer(10 + n)})
				if err != nil {
					b.Fatal(err)
				}
				return s
			})
		})
		b.Run("tcp/"+name, func(b *testing.B) {
			at := Host(b, 1)
			h := Hive(b, func(cfg *hive.Config) { cfg.Self = at.ID() })
			Serve(b, at, h)
			benchmarkUnits(b, h, policy, func(n int) bee.Hive { return Client(b, 10+n, at) })
		})
	}
}

func benchmarkUnits(b *testing.B, h *hive.Hive, policy work.Policy, see func(int) bee.Hive) {
	ctx := b.Context()
	const bees = 8
	if err := h.Create(ctx, project("bench", policy)); err != nil {
		b.Fatal(err)
	}
	units := make([]work.Unit, b.N)
	for i := range units {
		units[i].Input = make([]byte, 100)
	}
	b.ResetTimer()
	began := time.Now()
	if _, err := h.Add(ctx, "bench", units...); err != nil {
		b.Fatal(err)
	}
	if err := h.Seal(ctx, "bench"); err != nil {
		b.Fatal(err)
	}
	added := time.Now()
	for n := range bees {
		Bee(b, see(n), nothing)
	}
	next := uint64(0)
	err := h.Serve(ctx, "bench", hive.Handlers{Datachunk: func(_ context.Context, c work.Datachunk) error {
		if c.Seq != next || c.State != work.Valid {
			b.Errorf("datachunk %d is %d, %v", next, c.Seq, c.State)
		}
		next++
		return nil
	}})
	if err != nil || next != uint64(b.N) {
		b.Fatal(next, err)
	}
	ended := time.Now()
	b.StopTimer()
	s, err := h.Show(ctx, "bench")
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/ended.Sub(began).Seconds(), "units/s")
	b.ReportMetric(float64(b.N)/added.Sub(began).Seconds(), "added/s")
	b.ReportMetric(float64(b.N)/ended.Sub(added).Seconds(), "worked/s")
	b.ReportMetric(float64(s.Begun)/float64(b.N), "executions/unit")
}
