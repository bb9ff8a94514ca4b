package hive

import (
	"math"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/batchain/batchain/work"
)

// Heartbeats write nothing, so many bees with many tasks keep their leases on a busy machine; and as
// they are not on the disk, a hive that was started again lets leases begin anew.
func TestHeartbeatsWriteNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var writes atomic.Int64
		count := func(h *Hive) {
			h.free = func() (int64, error) {
				writes.Add(1)
				return math.MaxInt64, nil
			}
		}
		dir := t.TempDir()
		h, stop := start(t, dir, count)
		ctx, m := t.Context(), work.Member{Peer: bee("a")}
		if err := h.Create(ctx, inline("p", work.Policy{})); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Add(ctx, "p", work.Unit{}); err != nil {
			t.Fatal(err)
		}
		if err := h.Register(ctx, m); err != nil {
			t.Fatal(err)
		}
		batch, err := h.Request(ctx, m, wish)
		if err != nil || len(batch.Tasks) != 1 {
			t.Fatal(batch, err)
		}
		before := writes.Load()
		for range 10 { // the lease is a minute
			time.Sleep(40 * time.Second)
			orders, err := h.Beat(ctx, m, []work.Beat{{Token: batch.Tasks[0].Token, Progress: 7}})
			if err != nil || orders[0] != work.GoOn {
				t.Fatal(orders, err)
			}
		}
		if n := writes.Load() - before; n != 0 {
			t.Errorf("%d transactions for 10 heartbeats", n)
		}
		stop()
		h, stop = start(t, dir, nil)
		time.Sleep(40 * time.Second)
		if s, err := h.Show(ctx, "p"); err != nil || s.Active != 1 {
			t.Errorf("after a restart: %+v, %v", s, err)
		}
		time.Sleep(40 * time.Second)
		if s, err := h.Show(ctx, "p"); err != nil || s.Active != 0 {
			t.Errorf("a lease later: %+v, %v", s, err)
		}
		stop()
	})
}
