package hive

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
)

// wall is a clock that can be set.
type wall struct{ ms atomic.Int64 }

func (w *wall) now() time.Time      { return time.UnixMilli(w.ms.Load()) }
func (w *wall) add(d time.Duration) { w.ms.Add(d.Milliseconds()) }

// The clock is set by hours while a bee has a unit and says nothing more: another one gets
// it a lease later, and not hours later, also when the hive was started again meanwhile.
// What the first one brings in the end counts.
func TestClockIsSet(t *testing.T) {
	for name, jump := range map[string]time.Duration{"back": -5 * time.Hour, "forward": 5 * time.Hour} {
		for _, restart := range []bool{false, true} {
			t.Run(name, func(t *testing.T) {
				ctx, clock := t.Context(), &wall{}
				clock.ms.Store(1 << 41)
				cfg := Config{Dir: t.TempDir(), Self: bee("hive"), Strength: -1, Now: clock.now}
				h, stop := startWith(t, cfg, nil)
				p := inline("p", work.Policy{Rule: work.Quorum, Quorum: 2})
				p.Lease = time.Minute
				if err := h.Create(ctx, p); err != nil {
					t.Fatal(err)
				}
				if _, err := h.Add(ctx, "p", work.Unit{Input: []byte("1")}); err != nil {
					t.Fatal(err)
				}
				bees := []work.Member{{Peer: bee("a")}, {Peer: bee("b")}, {Peer: bee("c")}}
				for _, m := range bees {
					if err := h.Register(ctx, m); err != nil {
						t.Fatal(err)
					}
				}
				take := func(m work.Member, want int) []work.Result {
					t.Helper()
					batch, err := h.Request(ctx, m, wish)
					if err != nil || len(batch.Tasks) != want {
						t.Fatalf("%s gets %d tasks, %v; want %d", m.Peer, len(batch.Tasks), err, want)
					}
					var results []work.Result
					for _, task := range batch.Tasks {
						results = append(results, work.Result{Token: task.Token, Status: work.Done, Output: task.Input})
					}
					return results
				}
				first, second := take(bees[0], 1), take(bees[1], 1)
				clock.add(jump)
				if restart {
					stop()
					h, _ = startWith(t, cfg, nil)
				}
				if jump < 0 {
					take(bees[2], 0)
				}
				clock.add(p.Lease + time.Second)
				take(bees[2], 1)
				for i, results := range [][]work.Result{first, second} {
					if verdicts, err := h.Submit(ctx, bees[i], results); err != nil || verdicts[0] != nil {
						t.Errorf("%s: %v, %v", bees[i].Peer, verdicts, err)
					}
				}
				if s, err := h.Show(ctx, "p"); err != nil || s.Valid != 1 {
					t.Errorf("%+v, %v", s, err)
				}
			})
		}
	}
}
