package transfer

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

// segments moves the file, segment by segment, and returns how many there were
// and the private part of the manifest.
func (p *put) segments(ctx context.Context) (int, shard.Private, error) {
	full := p.journal.start.Segment
	buffers, err := newSlabs(p.slabLength(full))
	if err != nil {
		return 0, shard.Private{}, err
	}
	defer buffers.close()
	group, ctx := errgroup.WithContext(ctx)
	count, private, err := p.produce(ctx, group, buffers, full-shard.SealOverhead)
	if err != nil {
		group.Go(func() error { return err })
	}
	err = group.Wait() // nobody holds a buffer after this
	return count, private, err
}

// produce reads and seals the segments in order; each is sent while the next is
// made.
func (p *put) produce(ctx context.Context, group *errgroup.Group, buffers *slabs, full int) (int, shard.Private, error) {
	content := shard.NewContentHash()
	private := p.private()
	for number := uint32(0); ; number++ {
		if number >= shard.MaxSegments {
			return 0, private, fmt.Errorf("the file has more than %d segments", shard.MaxSegments)
		}
		slab, err := buffers.take(ctx)
		if err != nil {
			return 0, private, err
		}
		s, err := p.readSegment(number, slab, full)
		if err != nil {
			return 0, private, err
		}
		content.Add(s.sealing.Plain)
		private.Size += int64(s.plain)
		private.Content = content.Sum()
		group.Go(func() error {
			defer buffers.give(slab)
			return p.place(ctx, s)
		})
		if s.sealing.Last {
			return int(number) + 1, private, nil
		}
	}
}

func (p *put) private() shard.Private {
	private := shard.Private{File: p.journal.start.File, Name: p.source.Name, Mode: 0o600, ModTime: time.Now().UnixNano()}
	if !p.opts.Expires.IsZero() {
		private.Expires = p.opts.Expires.Unix()
	}
	if info := p.in.first; info != nil {
		private.Mode, private.ModTime, private.Folder = uint32(info.Mode().Perm()), info.ModTime().UnixNano(), p.in.plan != nil
		if private.Name == "" {
			private.Name = filepath.Base(p.source.Path)
		}
	}
	return private
}
