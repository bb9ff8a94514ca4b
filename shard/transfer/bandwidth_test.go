package transfer

import (
	"context"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/exchange"
)

// crowd counts how many shards come in at once, over all hosts.
type crowd struct {
	mu        sync.Mutex
	now, most int
}

type counted struct {
	exchange.Store
	crowd *crowd
}

func (s counted) Receive(ctx context.Context, lot shard.Lot, ready func(int64) (io.Reader, error)) (time.Time, error) {
	s.crowd.step(1)
	defer s.crowd.step(-1)
	return s.Store.Receive(ctx, lot, ready)
}

func (c *crowd) step(by int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now += by
	c.most = max(c.most, c.now)
}

// With little bandwidth few transfers share it, so that each moves on before
// its host takes it for dead.
func TestLittleBandwidthIsSharedByFew(t *testing.T) {
	b := newBed(t, 0)
	c := &crowd{}
	for range 12 {
		k := b.addHost()
		k.stop()
		k.keeps = counted{k.store, c}
		k.serve(t)
	}
	path, content := b.file("f", 70_000) // with its parity less than the burst
	r := b.put(path, PutOptions{Bandwidth: 1000})
	// One that has its receipt may make room a moment before its host is done.
	if c.most > 4 || r.Shortfall != "" {
		t.Errorf("%d transfers at once: %+v", c.most, r)
	}
	b.get(r.Manifest, content)
	if slotsFor(1) != 2 || slotsFor(100<<20) < 40 || slotsFor(1<<60) > 1000 {
		t.Errorf("slots: %d, %d, %d", slotsFor(1), slotsFor(100<<20), slotsFor(1<<60))
	}
}

func TestBandwidthIsKept(t *testing.T) {
	b := newBed(t, 3)
	b.cut(shard.Scheme{Data: 1, Parity: 2}, 64<<10)
	path, _ := b.file("f", 300_000)
	began := time.Now()
	r := b.put(path, PutOptions{Bandwidth: 1 << 20})
	if least := time.Duration(r.Sent-bandwidthBurst) * time.Second / (1 << 20) * 9 / 10; time.Since(began) < least {
		t.Errorf("%d bytes in %v, at 1 MiB/s it takes %v at least", r.Sent, time.Since(began), least)
	}
}
