package catalogue

import (
	"cmp"
	"context"
	"math"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

// Stale is a slot that is missing, or older than another slot says it must be:
// its hosts were away when it was written, or hold it back.
type Stale struct {
	Page          int
	Writer        uint32
	Seq, Expected uint64 // Seq 0: missing
}

// reading is what the mesh has of the catalogue.
type reading struct {
	holders map[int][]peer.AddrInfo // of each page
	stale   []Stale
	slots   int
	asked   int
	newer   bool
}

// pagesAtOnce bounds how many pages, or files, are looked for at once.
const pagesAtOnce = 4

// gather reads every page on the mesh, and at least the given number, and takes
// them in. Errors: those of writing the state.
func (c *Catalogue) gather(ctx context.Context, others *candidates, least int) (reading, error) {
	r := reading{holders: map[int][]peer.AddrInfo{}}
	var (
		mu    sync.Mutex
		blobs []pageSlot
	)
	for from, to := 0, max(least, len(c.look().Pages)); from < to && ctx.Err() == nil; {
		var group errgroup.Group
		group.SetLimit(pagesAtOnce)
		for number := from; number < to; number++ {
			group.Go(func() error {
				f, slots, err := c.readPage(ctx, number, others)
				mu.Lock()
				defer mu.Unlock()
				blobs = append(blobs, slots...)
				r.holders[number] = f.holders
				r.slots, r.asked, r.newer = r.slots+len(slots), r.asked+f.asked, r.newer || f.newer
				return err
			})
		}
		if err := group.Wait(); err != nil {
			return r, err
		}
		from = to
		for _, b := range blobs {
			to = max(to, int(b.Pages))
		}
	}
	// In one order, whoever answered first: devices then share their layout.
	slices.SortFunc(blobs, func(a, b pageSlot) int {
		return cmp.Or(cmp.Compare(a.Page, b.Page), cmp.Compare(a.writer, b.writer), cmp.Compare(a.seq, b.seq))
	})
	err := c.change(func(s *state) { r.stale = s.take(blobs, c.writer, c.cfg.Now(), c.prune) })
	return r, err
}

// prune drops what is too old, by a clock that has proved itself.
func (c *Catalogue) prune(s *state) {
	if now := c.cfg.Now(); c.steady.Observe(now, c.ticks()) {
		s.prune(now, c.atHome)
	}
}

// pageSlot is a slot of a page, read.
type pageSlot struct {
	slot
	pageBlob
}

func (c *Catalogue) readPage(ctx context.Context, number int, others *candidates) (found, []pageSlot, error) {
	n, err := c.nameOf(c.cfg.Seed.CatalogueID(uint32(number)))
	if err != nil {
		return found{}, nil, err
	}
	f := c.find(ctx, n, others, math.MaxInt, func(s slot) error {
		_, err := parsePage(s.plain, number)
		return err
	})
	var slots []pageSlot
	for _, s := range f.slots {
		if blob, err := parsePage(s.plain, number); err == nil {
			slots = append(slots, pageSlot{s, blob})
		}
	}
	return f, slots, nil
}
