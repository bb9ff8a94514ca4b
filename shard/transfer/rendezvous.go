package transfer

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/dustin/go-humanize/english"
	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"

	"github.com/batchain/batchain/shard"
)

// draw is the lot that a peer draws for a place of a file: BLAKE3-256(locator ‖
// segment ‖ index ‖ peer), numbers big endian. The lowest takes the shard. So
// whoever mends a file chooses the same host, and the host knows the transfer
// by its name and takes the bytes once.
func draw(file shard.Locator, segment uint32, index uint8, p peer.ID) [32]byte {
	name := binary.BigEndian.AppendUint32(file[:], segment)
	return blake3.Sum256(append(append(name, index), p...))
}

// How long the answers to ASK are good: for as long as they serve, and when
// nobody is left who could take a shard.
const (
	roomTime   = 10 * time.Minute
	roomSooner = time.Minute
)

// takers are the peers that said yes to ASK. It is safe for concurrent use.
type takers struct {
	e     *Engine
	bytes int64 // of room that each must have
	lease time.Duration
	late  map[peer.ID]bool // come after all others: keepers, who then give way

	asking  sync.Mutex // held while candidates are asked
	mu      sync.Mutex
	asked   time.Time
	heard   []peer.ID // who answered
	yes     []answer
	refused map[string]int // why others do not take any, and how many
}

func (e *Engine) newTakers(bytes int64, lease time.Duration, late []peer.ID) *takers {
	t := &takers{e: e, bytes: bytes, lease: lease, late: map[peer.ID]bool{}, refused: map[string]int{}}
	for _, p := range late {
		t.late[p] = true
	}
	return t
}

// ask asks the candidates, unless they were asked within d.
func (t *takers) ask(ctx context.Context, d time.Duration) {
	t.asking.Lock()
	defer t.asking.Unlock()
	if t.fresh(d) {
		return
	}
	enough := 1
	if !t.asked.IsZero() {
		enough = maxCandidates // those who took something before do not do: now all are asked
	}
	answers := t.e.gather(ctx, t.e.cfg.Finder.Candidates, t.bytes, t.lease, enough)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked, t.heard, t.yes = time.Now(), nil, nil
	clear(t.refused)
	for _, a := range answers {
		if a.takes || a.why != "no answer" {
			t.heard = append(t.heard, a.peer)
		}
		if a.takes {
			t.yes = append(t.yes, a)
		} else {
			t.refused[a.why]++
		}
	}
}

func (t *takers) fresh(d time.Duration) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return !t.asked.IsZero() && time.Since(t.asked) < d
}

// spot is where a shard belongs: the lots for it are drawn.
type spot struct {
	file    shard.Locator
	segment uint32
	index   uint8
	length  int64 // bytes of the shard
}

// pick returns who takes a shard, and sets room aside for it: of those with the
// lowest rank the one that drew the lowest lot. A rank below 0 means never. When
// nobody is left the candidates are asked again, once a minute.
func (t *takers) pick(ctx context.Context, s spot, rank func(answer) int) (peer.ID, bool) {
	t.ask(ctx, roomTime)
	if p, ok := t.lowest(s, rank); ok {
		return p, true
	}
	t.ask(ctx, roomSooner)
	return t.lowest(s, rank)
}

func (t *takers) lowest(s spot, rank func(answer) int) (peer.ID, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var (
		best  *answer
		first int
		lot   [32]byte
	)
	for i := range t.yes {
		a := &t.yes[i]
		at := rank(*a)
		if at < 0 || a.free < s.length {
			continue
		}
		if t.late[a.peer] {
			at += rankLate
		}
		drawn := draw(s.file, s.segment, s.index, a.peer)
		if best == nil || at < first || at == first && bytes.Compare(drawn[:], lot[:]) < 0 {
			best, first, lot = a, at, drawn
		}
	}
	if best == nil {
		return "", false
	}
	best.free -= s.length
	return best.peer, true
}

// release gives room back that was set aside for p.
func (t *takers) release(p peer.ID, length int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range t.yes {
		if t.yes[i].peer == p {
			t.yes[i].free += length
		}
	}
}

// drop gives a peer up until candidates are asked again.
func (t *takers) drop(p peer.ID, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i, a := range t.yes {
		if a.peer == p {
			t.yes = append(t.yes[:i:i], t.yes[i+1:]...)
			t.refused[why]++
			return
		}
	}
}

// any reports whether somebody could take a shard.
func (t *takers) any(ctx context.Context) bool {
	t.ask(ctx, roomTime)
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.yes) > 0
}

// met returns the peers that answered.
func (t *takers) met() []peer.ID {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.heard)
}

// why tells what the candidates said.
func (t *takers) why() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	text := "of the peers that were asked " + english.Plural(len(t.yes), "has", "have") + " room"
	for _, why := range slices.Sorted(maps.Keys(t.refused)) {
		text += fmt.Sprintf(", %d: %s", t.refused[why], why)
	}
	return text
}
