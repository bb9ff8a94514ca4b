package transfer

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

// When a fetch without progress gets company, and how long a host that failed
// is asked last.
const (
	hedgeFactor  = 1.5
	hedgeFloor   = 200 * time.Millisecond
	hedgeUnknown = 500 * time.Millisecond // estimate before any fetch has ended
	downTime     = 10 * time.Second
)

// holders is what a get learns about the hosts of its file. It is safe for
// concurrent use.
type holders struct {
	mu     sync.Mutex
	table  []peer.AddrInfo // by number of host
	record map[peer.ID]*record
	extra  map[place][]heldBy // holders that the manifest does not list
	heard  bool               // every host that could be found has told what it holds
	pace   time.Duration      // moving average of a shard's time, over all hosts

	standing func(peer.ID) Standing
}

// place is one index of one segment.
type place struct {
	segment uint32
	index   uint8
}

// heldBy says that a host has a shard. One that it was given for the same place
// before the segment changed may still be there.
type heldBy struct {
	host  peer.ID
	shard shard.ID
}

type record struct {
	pace    time.Duration // moving average of a shard's time
	strikes int           // stalls and lies
	down    time.Time     // asked last until then
	said    string        // why it did not serve, for the person
}

func newHolders(table []peer.AddrInfo, standing func(peer.ID) Standing) *holders {
	return &holders{table: table, record: map[peer.ID]*record{}, extra: map[place][]heldBy{}, standing: standing}
}

// origin is one way to get one shard of a segment.
type origin struct {
	index uint8
	host  peer.ID
}

// sources lists every known way to get a shard of s, the best first: hosts that
// serve before those that did not or are said to be gone, data shards before
// parity, the fast first, and those with little to do.
func (h *holders) sources(s shard.Segment, scheme shard.Scheme) []origin {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []origin
	add := func(x origin) {
		if !slices.Contains(all, x) {
			all = append(all, x)
		}
	}
	for _, p := range s.Placed {
		add(origin{p.Index, h.table[p.Host].ID})
	}
	for index := range scheme.Shards() {
		for _, by := range h.extra[place{s.Number, uint8(index)}] {
			if by.shard == s.Shards[index] {
				add(origin{uint8(index), by.host})
			}
		}
	}
	now := time.Now()
	ranks := make(map[origin][]int64, len(all))
	for _, x := range all {
		ranks[x] = h.rank(x, scheme, now)
	}
	slices.SortStableFunc(all, func(a, b origin) int { return slices.Compare(ranks[a], ranks[b]) })
	return all
}

func (h *holders) rank(s origin, scheme shard.Scheme, now time.Time) []int64 {
	r, known := h.of(s.host), h.standing(s.host)
	gone := int64(0)
	if known.Life >= Doubtful {
		gone = int64(known.Life)
	}
	down, parity := int64(0), int64(0)
	if now.Before(r.down) {
		down = 1
	}
	if int(s.index) >= scheme.Data {
		parity = 1
	}
	return []int64{gone, down, int64(r.strikes), parity, int64(r.pace), known.Load}
}

func (h *holders) of(p peer.ID) *record {
	r := h.record[p]
	if r == nil {
		r = &record{}
		h.record[p] = r
	}
	return r
}

// served takes in the time that a shard took.
func (h *holders) served(p peer.ID, took time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(p)
	r.pace, h.pace = average(r.pace, took), average(h.pace, took)
	r.down, r.strikes, r.said = time.Time{}, max(0, r.strikes-1), ""
}

func average(old, now time.Duration) time.Duration {
	if old == 0 {
		return now
	}
	return (3*old + now) / 4
}

// failed notes that a host did not serve a shard.
func (h *holders) failed(p peer.ID, why error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	r := h.of(p)
	r.said = reason(why)
	if !missing(why) {
		r.down = time.Now().Add(downTime)
	}
}

// struck notes that a host stalled or lied: it is asked after the others.
func (h *holders) struck(p peer.ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.of(p).strikes++
}

// deadline is how long a fetch from p may show no progress before another
// source is tried as well.
func (h *holders) deadline(p peer.ID) time.Duration {
	h.mu.Lock()
	defer h.mu.Unlock()
	estimate := cmp.Or(h.of(p).pace, h.pace, hedgeUnknown)
	return max(hedgeFloor, time.Duration(hedgeFactor*float64(estimate)))
}

// How much of what hosts tell beyond the manifest is kept. A file with more
// places than that relies on its manifest for the rest.
const (
	maxExtra   = 1 << 18 // places
	maxHolders = 16      // of one place
)

// add takes in what a host says it holds of a file.
func (h *holders) add(p peer.ID, rows []shard.Held, m *shard.Manifest) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, row := range rows {
		if int(row.Segment) >= m.Count || int(row.Index) >= m.Scheme.Shards() {
			continue
		}
		at, by := place{row.Segment, row.Index}, heldBy{p, row.Shard}
		known := h.extra[at]
		if known == nil && len(h.extra) >= maxExtra || len(known) >= maxHolders {
			continue
		}
		if !slices.Contains(known, by) {
			h.extra[at] = append(h.extra[at], by)
		}
	}
}

// hear notes whether every host that could be found has told what it holds.
func (h *holders) hear(all bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.heard = all
}

func (h *holders) allHeard() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.heard
}

// said returns what each host that did not serve had to say.
func (h *holders) said() map[string]string {
	h.mu.Lock()
	defer h.mu.Unlock()
	text := map[string]string{}
	for p, r := range h.record {
		if r.said != "" {
			text[p.String()] = r.said
		}
	}
	return text
}
