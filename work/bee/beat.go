package bee

import (
	"context"
	"time"

	"github.com/batchain/batchain/work"
)

// Heartbeats come three times in the shortest lease, within these bounds.
const (
	fastestBeat = 50 * time.Millisecond
	slowestBeat = 20 * time.Second
)

// beat renews the leases of what the bee has, and does what the hive says
// about it.
func (b *Bee) beat(ctx context.Context) {
	last := time.Now()
	for ctx.Err() == nil {
		timer := time.NewTimer(time.Until(last.Add(b.beatTime())))
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-b.taken: // it may have a shorter lease
			timer.Stop()
			continue
		case <-timer.C:
			last = time.Now()
		}
		beats := b.beats()
		for len(beats) > 0 {
			n := min(len(beats), work.MaxTasks)
			orders, err := b.cfg.Hive.Beat(ctx, beats[:n])
			if err != nil {
				b.log.DebugContext(ctx, "heartbeat was not heard", "err", err)
				break
			}
			b.obey(beats[:n], orders)
			beats = beats[n:]
		}
	}
}

func (b *Bee) beatTime() time.Duration {
	b.mu.Lock()
	defer b.mu.Unlock()
	d := slowestBeat
	for _, t := range b.held {
		if t.Lease > 0 {
			d = min(d, t.Lease/3)
		}
	}
	return max(fastestBeat, d)
}

func (b *Bee) beats() []work.Beat {
	b.mu.Lock()
	defer b.mu.Unlock()
	beats := make([]work.Beat, 0, len(b.held))
	for token, t := range b.held {
		beats = append(beats, work.Beat{Token: token, Progress: uint16(t.progress.Load())})
	}
	return beats
}

// obey stops what is not needed.
func (b *Bee) obey(beats []work.Beat, orders []work.Order) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, order := range orders[:min(len(orders), len(beats))] {
		t := b.held[beats[i].Token]
		if t == nil || order != work.Stop {
			continue
		}
		t.stopped = true
		if t.cancel != nil {
			t.cancel()
		}
	}
}
