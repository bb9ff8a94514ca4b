package catalogue

import (
	"bytes"
	"context"
	"errors"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
)

const (
	wanted     = 8                   // hosts of a page
	few        = 3                   // hosts below which a page counts as not on the mesh
	noteAge    = 30 * 24 * time.Hour // after which a note is written anew: its lease is a year and a month
	pageFewAge = 24 * time.Hour      // … when fewer hosts have a page than are wanted
	tries      = 3                   // when a host has a newer slot of ours
)

// Result tells how much of the catalogue is on the mesh.
type Result struct {
	Files   int     // of the owner's, on all devices; see [Entry].Of for those that do not count
	Hosts   int     // that have the catalogue as it is here: of the page that fewest have
	Waiting int     // files put here whose manifest too few of their hosts have
	Stale   []Stale // slots that should be newer
}

// Publish brings to the mesh what is not there yet, or is due again, and takes
// in what other devices have written. What it cannot bring stays due. The result
// holds as far as it got, whatever the error. Errors: [ErrNobody], the end of
// ctx, those of the disk.
func (c *Catalogue) Publish(ctx context.Context) (Result, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return c.result(nil), err
	}
	defer end()
	if err := c.adopt(); err != nil {
		return c.result(nil), err
	}
	if len(c.look().Pages) == 0 {
		return Result{}, nil
	}
	others := &candidates{c: c, most: 2 * wanted}
	r, err := c.gather(ctx, others, 1)
	if err == nil {
		err = c.leaveManifests(ctx)
	}
	if err == nil {
		err = c.writePages(ctx, r, others)
	}
	if ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	return c.result(r.stale), err
}

func (c *Catalogue) result(stale []Stale) Result {
	r := Result{Stale: stale}
	for i, p := range c.look().Pages {
		if i == 0 || p.Hosts < r.Hosts {
			r.Hosts = p.Hosts
		}
		for _, x := range p.Rows {
			if x.Gone != 0 || x.Of != (shard.FileID{}) || over(x.Until, c.cfg.Now()) {
				continue
			}
			r.Files++
			if x.Noted == 0 {
				r.Waiting++
			}
		}
	}
	return r
}

// seqBlock is how many seqs are noted as used with one writing of the state.
const seqBlock = 64

// nextSeq returns a seq that this device has never used, past atLeast. Only
// whoever talks to the mesh may call it.
func (c *Catalogue) nextSeq(atLeast uint64) (uint64, error) {
	if c.seq >= c.seqEnd || c.seq < atLeast {
		err := c.change(func(s *state) {
			c.seq = max(s.Seq, atLeast)
			s.Seq = c.seq + seqBlock
			c.seqEnd = s.Seq
		})
		if err != nil {
			c.seqEnd = 0
			return 0, err
		}
	}
	c.seq++
	return c.seq, nil
}

// due returns when the page is to be written, by a clock that says now.
func (p page) due(now time.Time) time.Time {
	switch {
	case p.Dirty:
		return time.Time{}
	case p.Hosts < wanted:
		return again(p.At, pageFewAge, now)
	default:
		return again(p.At, noteAge, now)
	}
}

// again returns when what was done at a time is to be done again: at once when
// that time is still to come, since one of the clocks was wrong.
func again(done int64, age time.Duration, now time.Time) time.Time {
	if done > now.Add(age).Unix() {
		return time.Time{}
	}
	return time.Unix(done, 0).Add(age)
}

// writePages writes the pages that are due, the last first: no page may speak
// of one that is not there.
func (c *Catalogue) writePages(ctx context.Context, r reading, others *candidates) error {
	pages := c.look().Pages
	var failed error
	for number := len(pages) - 1; number >= 0 && ctx.Err() == nil; number-- {
		if pages[number].due(c.cfg.Now()).After(c.cfg.Now()) {
			continue
		}
		if err := c.writePage(ctx, number, r.holders[number], others); errors.Is(err, ErrNobody) {
			failed = err
		} else if err != nil {
			return err
		}
	}
	return failed
}

func (c *Catalogue) writePage(ctx context.Context, number int, holders []peer.AddrInfo, others *candidates) error {
	n, err := c.nameOf(c.cfg.Seed.CatalogueID(uint32(number)))
	if err != nil {
		return err
	}
	plain, err := c.look().blob(number)
	if err != nil {
		return err
	}
	d, err := c.send(ctx, n, plain, func(d *delivery) {
		d.give(ctx, ranked(n.locator, holders), wanted)
		if len(d.took) < wanted && d.newer == 0 {
			d.give(ctx, without(ranked(n.locator, others.all(ctx)), holders), wanted)
		}
	})
	if err != nil {
		return err
	}
	if err := c.change(func(s *state) { s.wrote(number, plain, d, c.cfg.Now()) }); err != nil {
		return err
	}
	if len(d.took) == 0 {
		return ErrNobody
	}
	return nil
}

// wrote notes who took a page. What was changed meanwhile is still to be
// written, and nobody took what is a refreshment only: then those of before
// have it still.
func (s *state) wrote(number int, plain []byte, d *delivery, now time.Time) {
	took := len(d.took)
	is, err := s.blob(number)
	if p := &s.Pages[number]; took > 0 {
		if err == nil && bytes.Equal(is, plain) {
			p.Hosts, p.At, p.Dirty = took, now.Unix(), took < few
		}
		p.meet(seen{d.c.writer, d.terms.Seq, now.Unix()})
	}
}

// send makes a note and delivers it, again with a higher seq when a host has a
// newer slot of this device: its home was restored.
func (c *Catalogue) send(ctx context.Context, n name, plain []byte, deliver func(*delivery)) (d *delivery, err error) {
	newer := uint64(0)
	for range tries {
		seq, err := c.nextSeq(newer)
		if err != nil {
			return nil, err
		}
		if d, err = c.delivery(n, seq, plain); err != nil {
			return nil, err
		}
		deliver(d)
		if newer = d.newer; newer == 0 || ctx.Err() != nil {
			break
		}
	}
	return d, nil
}
