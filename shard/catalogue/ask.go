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

	"github.com/batchain/batchain/shard"
)

// How long, how many and how many at once.
const (
	findTime    = 10 * time.Second // one search for the hosts of a locator
	connectTime = 5 * time.Second  // one dial
	hostTime    = 20 * time.Second // [Config].HostTime
	atOnce      = 16               // hosts that one search or delivery talks to
	maxAsked    = 64               // announced hosts, and candidates, that one search asks
)

// found is what a search brought.
type found struct {
	slots   []slot
	holders []peer.AddrInfo // hosts with a slot that verified
	asked   int             // hosts that answered
	newer   bool            // a slot is of a newer version; see ErrNewer
}

// search is one call of find.
type search struct {
	c      *Catalogue
	name   name
	enough int
	suits  func(slot) error
	cancel context.CancelFunc

	mu    sync.Mutex
	asked map[peer.ID]bool // who has answered, or is being asked
	found found
}

// find asks the hosts that announced a locator for its notes, and the
// candidates: an old slot that one of the former shows must not hide what others
// have. It ends early once enough hosts had one that suits.
func (c *Catalogue) find(ctx context.Context, n name, others *candidates, enough int, suits func(slot) error) found {
	sub, cancel := context.WithCancel(ctx)
	defer cancel()
	s := &search{c: c, name: n, enough: enough, suits: suits, cancel: cancel, asked: map[peer.ID]bool{c.cfg.Self: true}}
	var announced sync.WaitGroup
	announced.Go(func() {
		look, cancel := context.WithTimeout(sub, findTime)
		defer cancel()
		s.ask(sub, c.cfg.Finder.Find(look, n.locator))
	})
	near, far := others.near(n.locator, others.all(ctx))
	s.ask(sub, slices.Values(near))
	announced.Wait()
	if len(s.found.slots) == 0 {
		s.ask(sub, slices.Values(far))
	}
	return s.found
}

// ask asks peers, a few at a time, until there are enough holders.
func (s *search) ask(ctx context.Context, peers iter.Seq[peer.AddrInfo]) {
	var group errgroup.Group
	group.SetLimit(atOnce)
	asked := 0
	for p := range peers {
		if ctx.Err() != nil || asked >= maxAsked {
			break
		}
		if !s.first(p.ID) {
			continue
		}
		asked++
		group.Go(func() error {
			s.askOne(ctx, p)
			return nil
		})
	}
	_ = group.Wait() // its functions return no error
}

// first reports whether nobody asks a peer yet.
func (s *search) first(p peer.ID) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	was := s.asked[p]
	s.asked[p] = true
	return !was
}

func (s *search) askOne(ctx context.Context, p peer.AddrInfo) {
	slots, newer, err := s.c.notesAt(ctx, p, s.name, s.suits)
	s.mu.Lock()
	defer s.mu.Unlock()
	if err != nil {
		s.c.log.DebugContext(ctx, "host gives no notes", "peer", p.ID, "locator", s.name.locator, "err", err)
		delete(s.asked, p.ID) // others may know a better address
		return
	}
	f := &s.found
	f.asked++
	f.newer = f.newer || newer
	f.slots = append(f.slots, slots...)
	if len(slots) > 0 {
		f.holders = append(f.holders, p)
	}
	if len(f.holders) >= s.enough {
		s.cancel()
	}
}

// notesAt returns the slots at one host that verify and suit.
func (c *Catalogue) notesAt(ctx context.Context, p peer.AddrInfo, n name, suits func(slot) error) (slots []slot, newer bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.HostTime)
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
	most  int // how many are asked for what others have too; 0: all
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

// near orders candidates for a locator: those that are always asked, and those
// that are when nobody else has anything.
func (x *candidates) near(l shard.Locator, peers []peer.AddrInfo) (near, far []peer.AddrInfo) {
	peers = ranked(l, peers)
	if x.most == 0 || len(peers) <= x.most {
		return peers, nil
	}
	return peers[:x.most], peers[x.most:]
}
