package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path"
	"sync"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/shard/folder"
)

// inside brings one file of a folder, or a folder in it: the segments with the
// index, and those where its bytes lie. It does not resume.
func (g *get) inside(ctx context.Context, to Destination) (GetResult, error) {
	if !g.m.Private.Folder {
		return GetResult{}, fmt.Errorf("%s: %w: it is no folder", g.m.Private.Name, ErrNotInside)
	}
	far, err := g.remote(ctx)
	if err != nil {
		return GetResult{}, err
	}
	defer far.close()
	archive, err := folder.OpenArchive(far, g.m.Private.Size)
	if err != nil {
		return GetResult{}, inArchive(err)
	}
	entry, err := archive.Find(to.Inside)
	if errors.Is(err, os.ErrNotExist) {
		return GetResult{}, fmt.Errorf("%w: %s", ErrNotInside, to.Inside)
	} else if err != nil {
		return GetResult{}, inArchive(err)
	}
	result := GetResult{File: g.m.Private.File, Name: path.Base(entry.Path), Size: entry.Size}
	result.Path, err = g.extract(ctx, archive, entry, to)
	result.Received = g.received.total()
	return result, err
}

// inArchive says of a folder's damaged index what it means for the manifest.
func inArchive(err error) error {
	if errors.Is(err, folder.ErrArchive) {
		return fmt.Errorf("%w: %w", shard.ErrManifest, err)
	}
	return err
}

// extract writes the entry to its destination and returns where it is.
func (g *get) extract(ctx context.Context, archive *folder.Archive, e folder.Entry, to Destination) (string, error) {
	if e.Kind == folder.Link {
		return "", fmt.Errorf("%w: %s is a link to %s", ErrNotInside, e.Path, e.Link)
	}
	as := shard.Private{Name: path.Base(e.Path), Size: e.Size, Mode: uint32(e.Mode), ModTime: e.ModTime, Folder: e.Kind == folder.Folder}
	if as.Folder && to.Stream != nil {
		return "", fmt.Errorf("%w: %s is a folder, which no stream can take", ErrNotInside, e.Path)
	}
	if to.Size != nil {
		to.Size(e.Size)
	}
	out, err := openOutput(to, as)
	if err != nil {
		return "", err
	}
	err = g.write(ctx, archive, e, out, as)
	return out.path, errors.Join(err, out.close())
}

func (g *get) write(ctx context.Context, archive *folder.Archive, e folder.Entry, out *output, as shard.Private) error {
	if as.Folder {
		if err := restoreAt(ctx, archive, e.Path, out.path); err != nil {
			return inArchive(err)
		}
		return os.Remove(out.part.Name())
	}
	tell := func(n int) { g.report(Progress{Phase: "get", Done: out.written, Total: e.Size}) }
	if _, err := io.Copy(out, &told{archive.Reader(e), tell}); err != nil {
		return err
	}
	return out.finish(ctx, as)
}

// told tells of every read.
type told struct {
	io.Reader
	tell func(int)
}

func (t *told) Read(b []byte) (int, error) {
	n, err := t.Reader.Read(b)
	t.tell(n)
	return n, err
}

// remote is a file's plaintext as it lies on its hosts, at any offset. It keeps
// the segment that was read last, and reads the manifest on from there.
type remote struct {
	ctx     context.Context // of the get that it serves
	g       *get
	buffers *slabs
	slab    []byte

	mu    sync.Mutex
	at    int64 // where plain begins in the file
	plain []byte
	pos   int64 // where the next segment begins
	next  func() (shard.Segment, error, bool)
	stop  func()
}

func (g *get) remote(ctx context.Context) (*remote, error) {
	length := 0
	for s, err := range g.m.Segments() {
		if err != nil {
			return nil, err
		}
		length = max(length, g.m.Scheme.ShardLength(s.Sealed))
	}
	buffers, err := newSlabs(g.m.Scheme.Shards() * length)
	if err != nil {
		return nil, err
	}
	r := &remote{ctx: ctx, g: g, buffers: buffers}
	if r.slab, err = buffers.take(ctx); err != nil {
		buffers.close()
		return nil, err
	}
	r.rewind()
	return r, nil
}

func (r *remote) rewind() {
	if r.stop != nil {
		r.stop()
	}
	r.pos = 0
	r.next, r.stop = iter.Pull2(r.g.m.Segments())
}

func (r *remote) close() {
	r.stop()
	r.buffers.give(r.slab)
	r.buffers.close()
}

// ReadAt reads as [io.ReaderAt] does; what a segment costs is paid when the
// first byte of it is read.
func (r *remote) ReadAt(b []byte, off int64) (n int, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for n < len(b) {
		if off+int64(n) >= r.g.m.Private.Size {
			return n, io.EOF
		}
		if err := r.seek(off + int64(n)); err != nil {
			return n, err
		}
		n += copy(b[n:], r.plain[off+int64(n)-r.at:])
	}
	return n, nil
}

// seek makes plain the segment that holds the offset.
func (r *remote) seek(off int64) error {
	if off >= r.at && off < r.at+int64(len(r.plain)) {
		return nil
	}
	if off < r.pos {
		r.rewind()
	}
	for {
		s, err, ok := r.next()
		if err != nil {
			return err
		}
		if !ok {
			return fmt.Errorf("%w: its segments end before byte %d", shard.ErrManifest, off)
		}
		begin := r.pos
		if r.pos += int64(s.Sealed - shard.SealOverhead); off >= r.pos {
			continue
		}
		r.plain = nil // the slab is written to
		plain, err := r.g.retrieve(r.ctx, s, r.slab)
		r.at, r.plain = begin, plain
		return err
	}
}
