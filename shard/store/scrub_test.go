package store

import (
	"context"
	"errors"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// pacer pauses for no time at all, and adds up what was asked for. The loops of
// Run, which ask for longer, wait until they are ended.
type pacer struct {
	mu     sync.Mutex
	paused time.Duration
	each   func(paused time.Duration) // may be nil
}

func (p *pacer) use(s *Store) { s.pause = p.pause }

func (p *pacer) pause(ctx context.Context, d time.Duration) error {
	if d >= scrubLull {
		<-ctx.Done()
		return ctx.Err()
	}
	p.mu.Lock()
	p.paused += d
	each, paused := p.each, p.paused
	p.mu.Unlock()
	if each != nil {
		each(paused)
	}
	return ctx.Err()
}

func (p *pacer) onEach(each func(time.Duration)) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.each = each
}

// scrubNow makes a round due and carries it out.
func scrubNow(t testing.TB, ctx context.Context, s *Store) error {
	t.Helper()
	if err := s.saveScrub(scrubRow{Due: s.now().Unix()}); err != nil {
		t.Fatal(err)
	}
	next, err := s.scrub(ctx)
	if err == nil && (next < scrubPeriod-scrubJitter-time.Minute || next > scrubPeriod) {
		t.Errorf("the next round is due in %s", next)
	}
	return err
}

// TestScrub damages shards in every way and lets a round find them.
func TestScrub(t *testing.T) {
	var pace pacer
	h := newHome(t, pace.use)
	o := newOwner(t, 1)
	lengths := []int{1, 100, groupSize, 3*groupSize + 1, 200_000, 200_001, 200_002, 200_003, 200_004}
	ids := make([]shard.ID, len(lengths))
	var cost, read int64
	for i, n := range lengths {
		data := fixedBytes(byte(i), n)
		ids[i] = shard.Sum(data)
		mustReceive(t, h.store, o.lot(t, data, 0, uint8(i)), data)
		if i < 7 {
			cost, read = cost+max(scrubFloor, diskSize(uint32(n))), read+diskSize(uint32(n))
		}
	}
	want := make(map[shard.ID]error)
	damage := func(i int, err error) string { want[ids[i]] = err; return h.store.path(ids[i]) }
	flip(t, damage(0, wire.ErrDamaged), 0)
	flip(t, damage(1, wire.ErrDamaged), 100) // the length in the tree
	flip(t, damage(3, wire.ErrDamaged), 3*groupSize+1+8+64)
	flip(t, damage(5, wire.ErrDamaged), 200_000)
	if err := errors.Join(os.Remove(damage(7, wire.ErrNotFound)), os.Truncate(damage(8, wire.ErrNotFound), 5)); err != nil {
		t.Fatal(err)
	}
	if err := scrubNow(t, t.Context(), h.store); err != nil {
		t.Fatal(err)
	}
	for i, id := range ids {
		r, _, err := h.store.Open(id)
		if !errors.Is(err, want[id]) {
			t.Errorf("shard %d after the round: %v, not %v", i, err, want[id])
		}
		if err == nil {
			r.Close()
		}
	}
	checkWhole(t, h.store)
	if got := counted(t, h.store.metrics.bad); got != 4 {
		t.Errorf("%v bad shards", got)
	}
	// Of a shard whose bytes are damaged the tree is not read.
	if got := int64(counted(t, h.store.metrics.scrubbed)); got > read || got < read-2*treeSize(200_001) {
		t.Errorf("%d bytes read of %d", got, read)
	}
	if least := h.store.scrubTime(cost + 2*scrubFloor); pace.paused < least-time.Millisecond {
		t.Errorf("paused for %s, at this rate it takes %s", pace.paused, least)
	}
}

func TestScrubRate(t *testing.T) {
	s := newStore(Config{})
	if got := s.scrubTime(4 << 20); got != time.Second {
		t.Errorf("4 MiB in %s", got)
	}
	if s = newStore(Config{ScrubRate: 1 << 10}); s.scrubTime(bufferSize) != 128*time.Second {
		t.Errorf("128 KiB at 1 KiB/s in %s", s.scrubTime(bufferSize))
	}
}

// TestScrubGoesOn ends a round twice. It begins again behind the cursor.
func TestScrubGoesOn(t *testing.T) {
	var pace pacer
	h := newHome(t, pace.use)
	o := newOwner(t, 1)
	const shards, length = 6, shard.MaxShardLength
	for i := range byte(shards) {
		data := fixedBytes(i, length)
		mustReceive(t, h.store, o.lot(t, data, 0, i), data)
	}
	ctx, cancel := context.WithCancel(t.Context())
	five := 5 * h.store.scrubTime(diskSize(length))
	pace.onEach(func(paused time.Duration) {
		if paused > five {
			cancel()
		}
	})
	if err := scrubNow(t, ctx, h.store); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	pace = pacer{}
	h.reopen(t, pace.use)
	if _, err := h.store.scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	if got := counted(t, h.store.metrics.scrubbed); got != 2*float64(diskSize(length)) {
		t.Errorf("%v bytes read after the restart, 4 of %d shards were done", got, shards)
	}
	if next, err := h.store.scrub(t.Context()); err != nil || next < 26*24*time.Hour {
		t.Errorf("the next round in %s: %v", next, err)
	}
}

// TestScrubDue looks at when rounds begin.
func TestScrubDue(t *testing.T) {
	var clock testClock
	var pace pacer
	both := func(s *Store) { clock.use(s); pace.use(s) }
	h := newHome(t, both)
	next, err := h.store.scrub(t.Context())
	if err != nil || next <= 0 || next > scrubPeriod {
		t.Errorf("the first round in %s: %v", next, err)
	}
	h.reopen(t, both)
	if again, err := h.store.scrub(t.Context()); err != nil || (next-again).Abs() > time.Minute {
		t.Errorf("after a restart in %s, before it in %s: %v", again, next, err)
	}
	clock.pass(10 * 365 * 24 * time.Hour) // switched off for long: one round, not a hundred
	for round, least := range []time.Duration{0, scrubPeriod - scrubJitter - time.Minute} {
		if next, err = h.store.scrub(t.Context()); err != nil || next < least {
			t.Errorf("round %d: the next in %s: %v", round, next, err)
		}
	}
	clock.pass(-11 * 365 * 24 * time.Hour) // the clock was wrong
	if next, err = h.store.scrub(t.Context()); err != nil || next > scrubPeriod {
		t.Errorf("after the clock was put right in %s: %v", next, err)
	}
}

// counted is the value of one counter.
func counted(t testing.TB, c prometheus.Collector) (value float64) {
	t.Helper()
	registry := prometheus.NewRegistry()
	registry.MustRegister(c)
	families, err := registry.Gather()
	if err != nil || len(families) != 1 {
		t.Fatal(families, err)
	}
	return families[0].GetMetric()[0].GetCounter().GetValue()
}
