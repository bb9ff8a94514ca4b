package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/shard"
)

// Destination is where a get writes: a file, or a stream.
type Destination struct {
	Path   string      // absolute; a folder takes the file under its own name
	Stream io.Writer   // nil for a file
	Inside string      // of a folder only this file or folder, by its path in it; "" for all
	Force  bool        // replace what is there
	Size   func(int64) // called once with the bytes to come, may be nil
}

// GetResult tells what a get did.
type GetResult struct {
	File     shard.FileID
	Name     string
	Path     string // "" for a stream
	Size     int64
	Received int64 // shard bytes on the wire
}

// get is one get under way.
type get struct {
	e        *Engine
	m        *shard.Manifest
	coder    *shard.Coder
	sealer   *shard.Sealer
	holders  *holders
	out      *output
	received *counter
	report   func(Progress)
	looking  chan struct{} // held while holders are looked for
	looked   time.Time     // when that was last done
}

// Get brings the file of a manifest back, as long as any Data shards of every
// segment can be had. Errors: [shard.ErrManifest], [shard.ErrNewer],
// [ErrNoKey], [ErrExists], [ErrGetBusy], [*UnreachableError], those of writing. A file that
// is not whole yet stays beside its place as NAME.batchain-part, and the same Get goes
// on where this one stopped.
func (e *Engine) Get(ctx context.Context, manifest string, to Destination, report func(Progress)) (GetResult, error) {
	m, closeManifest, err := e.openManifest(manifest)
	if err != nil {
		return GetResult{}, err
	}
	defer closeManifest()
	if m.Key == nil {
		return GetResult{}, fmt.Errorf("%w: a repair manifest cannot read its file", ErrNoKey)
	}
	coder, err := shard.NewCoder(m.Scheme)
	if err != nil {
		return GetResult{}, err
	}
	g := &get{
		e: e, m: m, coder: coder, sealer: shard.NewSealer(*m.Key, m.Private.File),
		holders: newHolders(m.Hosts, e.standing), received: &counter{}, report: report,
		looking: make(chan struct{}, 1),
	}
	if to.Inside != "" {
		return g.inside(ctx, to)
	}
	return g.whole(ctx, to)
}

// whole brings all of the file.
func (g *get) whole(ctx context.Context, to Destination) (GetResult, error) {
	m := g.m
	if to.Size != nil {
		to.Size(m.Private.Size)
	}
	out, err := openOutput(to, *m.Private)
	if err != nil {
		return GetResult{}, err
	}
	g.out = out
	err = g.segments(ctx)
	if err == nil {
		err = out.finish(ctx, *m.Private)
	}
	if err = errors.Join(err, out.close()); err != nil {
		return GetResult{}, err
	}
	return GetResult{
		File: m.Private.File, Name: m.Private.Name, Path: out.path, Size: m.Private.Size,
		Received: g.received.total(),
	}, nil
}

// openManifest opens a manifest file of this engine's mesh.
func (e *Engine) openManifest(path string) (*shard.Manifest, func() error, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, nil, err
	}
	info, err := file.Stat()
	var m *shard.Manifest
	if err == nil {
		m, err = shard.OpenManifest(file, info.Size())
	}
	if err == nil && m.Mesh != e.cfg.Mesh {
		err = fmt.Errorf("%w: it is of mesh %q, this node is in %q", ErrOtherMesh, m.Mesh, e.cfg.Mesh)
	}
	if err != nil {
		file.Close()
		return nil, nil, fmt.Errorf("%s: %w", path, err)
	}
	e.remember(m.Hosts...)
	return m, file.Close, nil
}

// segments brings the segments, two at a time, and writes them in order.
func (g *get) segments(ctx context.Context) error {
	length := 0
	for s, err := range g.m.Segments() {
		if err != nil {
			return err
		}
		length = max(length, g.m.Scheme.ShardLength(s.Sealed))
	}
	buffers, err := newSlabs(g.m.Scheme.Shards() * length)
	if err != nil {
		return err
	}
	defer buffers.close()
	group, ctx := errgroup.WithContext(ctx)
	if err := g.start(ctx, group, buffers); err != nil {
		group.Go(func() error { return err })
	}
	return group.Wait()
}

func (g *get) start(ctx context.Context, group *errgroup.Group, buffers *slabs) error {
	previous := make(chan struct{})
	close(previous)
	resuming := true
	for s, err := range g.m.Segments() {
		if err != nil {
			return err
		}
		slab, err := buffers.take(ctx)
		if err != nil {
			return err
		}
		if resuming {
			if resuming, err = g.keep(s, slab); err != nil {
				return err
			}
			if resuming {
				buffers.give(slab)
				continue
			}
		}
		before, written := previous, make(chan struct{})
		previous = written
		group.Go(func() error {
			defer buffers.give(slab)
			return g.segment(ctx, s, slab, before, written)
		})
	}
	return nil
}

// segment brings one segment and writes it when the one before is written.
func (g *get) segment(ctx context.Context, s shard.Segment, slab []byte, before <-chan struct{}, written chan<- struct{}) error {
	plain, err := g.retrieve(ctx, s, slab)
	if err != nil {
		return err
	}
	select {
	case <-before:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	if _, err := g.out.Write(plain); err != nil {
		return err
	}
	g.report(Progress{Phase: "get", Done: g.out.written, Total: g.m.Private.Size})
	close(written)
	return nil
}

// keep reports whether the output holds this segment already, from an earlier
// try. It seals what is there with the segment's own nonce and compares shard
// ids: equal plaintext gives equal shards, and other plaintext goes nowhere.
func (g *get) keep(s shard.Segment, slab []byte) (bool, error) {
	length := s.Sealed - shard.SealOverhead
	found, err := g.out.read(slab[:length])
	if err != nil || !found {
		return false, err
	}
	sealed := g.sealer.Seal(slab[:length], s.Number, g.last(s), s.Nonce)
	size := g.m.Scheme.ShardLength(s.Sealed)
	clear(slab[len(sealed) : g.m.Scheme.Data*size])
	for i, data := range g.m.Scheme.Split(slab, size)[:g.m.Scheme.Data] {
		if shard.Sum(data) != s.Shards[i] {
			return false, g.out.cut()
		}
	}
	g.out.accept(length)
	g.report(Progress{Phase: "get", Done: g.out.written, Total: g.m.Private.Size})
	return true, nil
}

func (g *get) last(s shard.Segment) bool { return int(s.Number) == g.m.Count-1 }
