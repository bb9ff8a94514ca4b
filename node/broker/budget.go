package broker

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/libp2p/go-libp2p/core/network"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/proto"
	"github.com/libp2p/go-libp2p/p2p/protocol/circuitv2/relay"
)

// Budget is how many bytes a node carries for others as a relay in half an hour:
// all circuits and both directions together. Once they are used up, the circuits
// that are open end and new ones are refused until that half hour, which began with
// the first byte, is over. A nil one is no budget.
type Budget struct {
	bytes   int64
	network atomic.Pointer[network.Network] // of the relay; nil until its broker is there

	mu    sync.Mutex
	began time.Time
	used  int64
}

// NewBudget returns a budget of bytes in half an hour, nil for 0.
func NewBudget(bytes int64) *Budget {
	if bytes <= 0 {
		return nil
	}
	return &Budget{bytes: bytes}
}

// spend counts bytes that were carried, and reports whether there may be more.
func (b *Budget) spend(bytes int64, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.began) >= bulkTime {
		b.began, b.used = now, 0
	}
	b.used += bytes
	return b.used < b.bytes
}

// left reports whether there may be another circuit; without a budget there may.
func (b *Budget) left(now time.Time) bool {
	if b == nil {
		return true
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.used < b.bytes || now.Sub(b.began) >= bulkTime
}

// endCircuits ends all that the relay carries.
func (b *Budget) endCircuits() {
	n := b.network.Load()
	if n == nil {
		return
	}
	for _, c := range (*n).Conns() {
		for _, s := range c.GetStreams() {
			if s.Protocol() == proto.ProtoIDv2Stop && s.Stat().Direction == network.DirOutbound {
				_ = s.Reset() // the relay then ends the other half
			}
		}
	}
}

// meter is a relay's view of its budget: libp2p tells it of every write.
type meter struct {
	relay.MetricsTracer
	budget *Budget
}

// BytesTransferred counts, and returns only when nothing more can be carried by
// anybody if the budget is used up; see [relay.MetricsTracer].
func (m *meter) BytesTransferred(count int) {
	m.MetricsTracer.BytesTransferred(count)
	if !m.budget.spend(int64(count), time.Now()) {
		m.budget.endCircuits()
	}
}
