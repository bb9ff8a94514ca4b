package catalogue

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// leaveManifests leaves the manifests that are due, sealed, at their files'
// hosts. What goes wrong with one of them is for the next time.
func (c *Catalogue) leaveManifests(ctx context.Context) (err error) {
	done := map[shard.FileID]int64{}
	save := func() error {
		defer clear(done)
		return c.change(func(s *state) {
			for id, noted := range done {
				s.noted(id, noted)
			}
		})
	}
	for _, id := range c.look().unnoted(c.cfg.Now()) {
		if ctx.Err() != nil {
			break
		}
		noted, err := c.leaveManifest(ctx, id)
		if err != nil {
			c.log.InfoContext(ctx, "manifest is not left at its hosts", "locator", id.Locator(), "err", err)
			continue
		}
		if done[id] = noted; len(done) < seqBlock {
			continue
		}
		if err := save(); err != nil {
			return err
		}
	}
	if len(done) == 0 {
		return nil
	}
	return save()
}

// unnoted returns the files put here whose manifests are due.
func (s *state) unnoted(now time.Time) (due []shard.FileID) {
	for _, p := range s.Pages {
		for _, r := range p.Rows {
			if !r.noteDue(now).After(now) {
				due = append(due, r.File)
			}
		}
	}
	return due
}

// noteDue returns when the file's manifest is to be left at its hosts, by a
// clock that says now.
func (r row) noteDue(now time.Time) time.Time {
	switch {
	case r.Gone != 0 || r.Of != (shard.FileID{}) || r.Noted == elsewhere || over(r.Until, now):
		return time.Unix(1<<40, 0)
	case r.Noted == 0:
		return time.Time{}
	default:
		return again(r.Noted, noteAge, now)
	}
}

func (s *state) noted(id shard.FileID, when int64) {
	if at, ok := s.at[id]; ok {
		s.Pages[at.page].Rows[at.row].Noted = when
	}
}

// leaveManifest returns when the manifest was left at enough hosts, or
// elsewhere when it is not here.
func (c *Catalogue) leaveManifest(ctx context.Context, id shard.FileID) (noted int64, err error) {
	m, err := c.readManifest(c.manifestPath(id))
	if errors.Is(err, fs.ErrNotExist) {
		return elsewhere, nil
	}
	if err == nil && m.file != id {
		err = fmt.Errorf("%w: it is of another file", ErrNotOurs)
	}
	if err != nil {
		return 0, err
	}
	b := manifestBlob{Version: blobVersion, Kind: whole, Made: c.cfg.Now().Unix()}
	if m.size > maxManifest {
		b.Kind = indirect
		b.Data, err = c.holdManifest(ctx, m)
	} else {
		b.Data, err = os.ReadFile(c.manifestPath(id))
	}
	if err != nil {
		return 0, err
	}
	took, err := c.leaveNote(ctx, id, b, m.hosts)
	if err == nil && took < m.enough {
		err = fmt.Errorf("%d of %d hosts took it, %d are enough: %w", took, len(m.hosts), m.enough, wire.ErrTimeout)
	}
	return b.Made, err
}

func (c *Catalogue) leaveNote(ctx context.Context, id shard.FileID, b manifestBlob, hosts []peer.AddrInfo) (took int, err error) {
	n, err := c.nameOf(id)
	if err != nil {
		return 0, err
	}
	plain, err := wire.Marshal(b)
	if err != nil {
		return 0, err
	}
	hosts = slices.DeleteFunc(hosts, func(p peer.AddrInfo) bool { return p.ID == c.cfg.Self })
	d, err := c.send(ctx, n, plain, func(d *delivery) { d.give(ctx, hosts, len(hosts)) })
	if err != nil {
		return 0, err
	}
	return len(d.took), nil
}

// holdManifest returns the manifest of the file that holds manifest m, which
// does not fit a note. An older one serves as well: placements are hints.
func (c *Catalogue) holdManifest(ctx context.Context, m facts) ([]byte, error) {
	for _, holder := range c.look().serving(m.file) {
		if c.owns(holder) {
			return readSmall(c.manifestPath(holder))
		}
	}
	file, err := os.Open(c.manifestPath(m.file))
	if err != nil {
		return nil, err
	}
	defer file.Close()
	until := time.Time{}
	if m.until != 0 {
		until = time.Unix(m.until, 0)
	}
	path, err := c.cfg.Putter.Put(ctx, m.file.String()+manifestSuffix, file, m.size, until)
	if err != nil {
		return nil, err
	}
	holder, err := c.readManifest(path)
	if err != nil {
		return nil, err
	}
	err = c.change(func(s *state) {
		s.add(row{File: holder.file, Added: c.cfg.Now().Unix(), Of: m.file, Until: holder.until})
		s.serve(holder.file, m.file)
	})
	if err != nil {
		return nil, err
	}
	return readSmall(path)
}

// readSmall reads a manifest that must fit a note.
func readSmall(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxManifest+1))
	if err == nil && len(data) > maxManifest {
		err = fmt.Errorf("%s: %w", path, wire.ErrTooBig.With("a manifest of a manifest of more than %d bytes", maxManifest))
	}
	return data, err
}
