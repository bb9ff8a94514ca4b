package catalogue

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/libp2p/go-libp2p/core/peer"
	"github.com/zeebo/blake3"
	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// delivery is one writing of a note to some hosts.
type delivery struct {
	c     *Catalogue
	name  name
	note  shard.SignedNote
	terms shard.Note

	mu    sync.Mutex
	took  map[peer.ID]bool
	newer uint64 // the highest seq of our own slot that a host has instead
}

func (c *Catalogue) delivery(n name, seq uint64, plain []byte) (*delivery, error) {
	note, terms, err := n.seal(c.writer, seq, plain)
	return &delivery{c: c, name: n, note: note, terms: terms, took: map[peer.ID]bool{}}, err
}

// give brings the note to the hosts, in their order, until as many have taken
// it as are wanted.
func (d *delivery) give(ctx context.Context, hosts []peer.AddrInfo, wanted int) {
	for len(hosts) > 0 && ctx.Err() == nil && d.newer == 0 {
		missing := wanted - len(d.took)
		if missing <= 0 {
			return
		}
		some := hosts[:min(missing, len(hosts))]
		hosts = hosts[len(some):]
		var group errgroup.Group
		group.SetLimit(atOnce)
		for _, p := range some {
			group.Go(func() error {
				if err := d.giveTo(ctx, p); err != nil {
					d.c.log.DebugContext(ctx, "host does not take a note", "peer", p.ID, "locator", d.name.locator, "err", err)
				}
				return nil
			})
		}
		_ = group.Wait() // its functions return no error
	}
}

func (d *delivery) giveTo(ctx context.Context, p peer.AddrInfo) error {
	ctx, cancel := context.WithTimeout(ctx, d.c.cfg.HostTime)
	defer cancel()
	if err := d.c.connect(ctx, p); err != nil {
		return err
	}
	_, err := d.c.cfg.Client.PutNote(ctx, p.ID, d.note, d.terms)
	if errors.Is(err, wire.ErrStale) {
		d.seek(ctx, p)
	}
	if err != nil {
		return err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.took[p.ID] = true
	return nil
}

// seek finds out which seq of our own slot a host has that calls ours stale. A
// host that cannot show one is not believed.
func (d *delivery) seek(ctx context.Context, p peer.AddrInfo) {
	slots, _, err := d.c.notesAt(ctx, p, d.name, func(slot) error { return nil })
	if err != nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range slots {
		if s.writer == d.c.writer && s.seq >= d.terms.Seq {
			d.newer = max(d.newer, s.seq)
		}
	}
}

// ranked orders hosts for a locator by rendezvous: lowest
// BLAKE3-256(locator ‖ peer id) first. Any device finds the same ones.
func ranked(l shard.Locator, hosts []peer.AddrInfo) []peer.AddrInfo {
	rank := func(p peer.AddrInfo) []byte {
		sum := blake3.Sum256(append(l[:], p.ID...))
		return sum[:]
	}
	sorted := slices.Clone(hosts)
	slices.SortFunc(sorted, func(a, b peer.AddrInfo) int { return bytes.Compare(rank(a), rank(b)) })
	return sorted
}

// without returns the hosts that are none of the others.
func without(hosts, others []peer.AddrInfo) []peer.AddrInfo {
	return slices.DeleteFunc(slices.Clone(hosts), func(p peer.AddrInfo) bool {
		return slices.ContainsFunc(others, func(o peer.AddrInfo) bool { return o.ID == p.ID })
	})
}
