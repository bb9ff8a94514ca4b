package catalogue

import (
	"context"
	"errors"
	"iter"
	"slices"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"
	"golang.org/x/sync/errgroup"
)

// How long, how many and how many at once.
const (
	findTime    = 10 * time.Second // one search for the hosts of a locator
	connectTime = 5 * time.Second  // one dial
	hostTime    = 20 * time.Second // all that is asked of one host at once
	atOnce      = 8                // hosts that one search or delivery talks to
	maxAsked    = 64               // hosts that one search asks
)

// found is what a search brought.
type found struct {
	slots   []slot
	holders []peer.AddrInfo // hosts with a slot that verified
	asked   int             // hosts that answered
	newer   bool            // a slot is of a newer version; see ErrNewer
}

// find asks the hosts that announced a locator for its notes, and when they have
// none the candidates. It ends early once enough hosts had one that suits.
func (c *Catalogue) find(ctx context.Context, n name, others *candidates, enough int, suits func(slot) error) found {
	look, cancel := context.WithTimeout(ctx, findTime)
	defer cancel()
	f := c.ask(ctx, c.cfg.Finder.Find(look, n.locator), n, enough, suits)
	if len(f.slots) > 0 || ctx.Err() != nil {
		return f
	}
	more := c.ask(ctx, slices.Values(ranked(n.locator, others.all(ctx))), n, enough, suits)
	more.asked += f.asked
	more.newer = more.newer || f.newer
	return more
}

func (c *Catalogue) ask(ctx context.Context, peers iter.Seq[peer.AddrInfo], n name, enough int, suits func(slot) error) (f found) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		mu    sync.Mutex
		group errgroup.Group
		seen  = map[peer.ID]bool{c.cfg.Self: true}
	)
	group.SetLimit(atOnce)
	for p := range peers {
		if ctx.Err() != nil || len(seen) > maxAsked {
			break
		}
		if seen[p.ID] {
			continue
		}
		seen[p.ID] = true
		group.Go(func() error {
			slots, newer, err := c.notesAt(ctx, p, n, suits)
			if err != nil {
				c.log.DebugContext(ctx, "host gives no notes", "peer", p.ID, "locator", n.locator, "err", err)
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			f.asked++
			f.newer = f.newer || newer
			f.slots = append(f.slots, slots...)
			if len(slots) > 0 {
				f.holders = append(f.holders, p)
			}
			if len(f.holders) >= enough {
				cancel()
			}
			return nil
		})
	}
	_ = group.Wait() // its functions return no error
	return f
}

// notesAt returns the slots at one host that verify and suit.
func (c *Catalogue) notesAt(ctx context.Context, p peer.AddrInfo, n name, suits func(slot) error) (slots []slot, newer bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, hostTime)
	defer cancel()
	if err := c.connect(ctx, p); err != nil {
		return nil, false, err
	}
	notes, err := c.cfg.Client.Notes(ctx, p.ID, n.locator)
	if err != nil {
		return nil, false, err
	}
	for _, note := range notes {
		s, err := n.open(note)
		if err == nil {
			err = suits(s)
		}
		if err != nil {
			newer = newer || errors.Is(err, ErrNewer)
			c.log.DebugContext(ctx, "note does not count", "peer", p.ID, "locator", n.locator, "err", err)
			continue
		}
		slots = append(slots, s)
	}
	return slots, newer, nil
}

func (c *Catalogue) connect(ctx context.Context, p peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, connectTime)
	defer cancel()
	return c.cfg.Connect(ctx, p)
}

// candidates gathers the peers that may keep notes, once.
type candidates struct {
	c     *Catalogue
	mu    sync.Mutex
	known bool
	peers []peer.AddrInfo
}

func (x *candidates) all(ctx context.Context) []peer.AddrInfo {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.known {
		return x.peers
	}
	for p := range x.c.cfg.Finder.Candidates(ctx) {
		if p.ID != x.c.cfg.Self && len(x.peers) < maxAsked {
			x.peers = append(x.peers, p)
		}
	}
	x.known = true
	return x.peers
}
