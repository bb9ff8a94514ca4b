package catalogue

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/batchain/batchain/disk"
	"github.com/batchain/batchain/shard"
)

// Recovered tells what Recover brought back.
type Recovered struct {
	Files   []shard.FileID // whose manifests lie in [Config].Manifests now
	Kept    int            // files whose good manifest was there before
	Missing []Entry        // whose manifest was not found now; another Recover may find it
	Stale   []Stale        // slots that should be newer: a file may be missing from the list
}

// Progress tells how far Recover has come: files looked for, of those on the list.
type Progress struct{ Done, Total int }

// copies is how many hosts have to show a file's manifest before the newest is
// taken: placements are hints, and a fresh one saves questions.
const copies = 3

// Recover brings back, with nothing but the seed, the list of files and each
// manifest that is not at home. It never replaces a good one, and may be called
// again. Errors: [ErrNothing], [ErrNewer], the end of ctx, those of the disk; a
// manifest that was not found is none.
func (c *Catalogue) Recover(ctx context.Context, report func(Progress)) (Recovered, error) {
	end, err := c.begin(ctx)
	if err != nil {
		return Recovered{}, err
	}
	defer end()
	others := &candidates{c: c}
	r, err := c.gather(ctx, others, 2) // the first page may be the one that is lost
	switch {
	case ctx.Err() != nil:
		return Recovered{}, context.Cause(ctx)
	case err != nil:
		return Recovered{}, err
	case r.slots == 0 && r.newer:
		return Recovered{}, ErrNewer
	case r.slots == 0:
		return Recovered{}, fmt.Errorf("%w (%d hosts answered)", ErrNothing, r.asked)
	}
	w := &recovery{c: c, others: others, report: report, result: Recovered{Stale: r.stale}, noted: map[shard.FileID]int64{}}
	return w.run(ctx)
}

// recovery is one call of Recover.
type recovery struct {
	c      *Catalogue
	others *candidates
	report func(Progress)

	mu     sync.Mutex
	result Recovered
	noted  map[shard.FileID]int64
	done   int
}

func (w *recovery) run(ctx context.Context) (Recovered, error) {
	var want []Entry
	for _, e := range w.c.Files() {
		switch {
		case e.Of != (shard.FileID{}):
		case w.c.owns(e.File):
			w.result.Kept++
		default:
			want = append(want, e)
		}
	}
	var group errgroup.Group
	group.SetLimit(pagesAtOnce)
	for _, e := range want {
		group.Go(func() error { return w.file(ctx, e, len(want)) })
	}
	err := group.Wait()
	slices.SortFunc(w.result.Files, func(a, b shard.FileID) int { return bytes.Compare(a[:], b[:]) })
	slices.SortFunc(w.result.Missing, func(a, b Entry) int { return bytes.Compare(a.File[:], b.File[:]) })
	err = errors.Join(err, w.c.change(func(s *state) {
		for id, when := range w.noted {
			s.noted(id, when)
		}
	}))
	return w.result, err
}

// file brings back one manifest.
func (w *recovery) file(ctx context.Context, e Entry, total int) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	made, err := w.c.fetchManifest(ctx, e.File, w.others)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var disk *fs.PathError
	if errors.As(err, &disk) {
		return fmt.Errorf("recover: %w", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if err != nil {
		w.c.log.InfoContext(ctx, "manifest is not found", "locator", e.File.Locator(), "err", err)
		w.result.Missing = append(w.result.Missing, e)
	} else {
		w.result.Files = append(w.result.Files, e.File)
		w.noted[e.File] = made
	}
	w.done++
	w.report(Progress{w.done, total})
	return nil
}

// errNoManifest means that no host shows a good manifest of a file.
var errNoManifest = errors.New("no host has its manifest")

// fetchManifest writes the newest manifest that the file's hosts show, and
// returns when it was left there.
func (c *Catalogue) fetchManifest(ctx context.Context, id shard.FileID, others *candidates) (made int64, err error) {
	n, err := c.nameOf(id)
	if err != nil {
		return 0, err
	}
	f := c.find(ctx, n, others, copies, func(s slot) error {
		b, err := parseManifest(s.plain)
		if err == nil && b.Kind == whole {
			err = c.check(b.Data, id)
		}
		return err
	})
	var blobs []manifestBlob
	for _, s := range f.slots {
		if b, err := parseManifest(s.plain); err == nil {
			blobs = append(blobs, b)
		}
	}
	slices.SortStableFunc(blobs, func(a, b manifestBlob) int { return cmp.Compare(b.Made, a.Made) })
	err = errNoManifest
	for _, b := range blobs {
		if err = c.takeManifest(ctx, id, b); err == nil || ctx.Err() != nil {
			return b.Made, err
		}
	}
	return 0, err
}

func (c *Catalogue) takeManifest(ctx context.Context, id shard.FileID, b manifestBlob) error {
	if b.Kind == whole {
		return disk.WriteFile(c.manifestPath(id), b.Data, 0o600)
	}
	holder, err := c.checkManifest(bytes.NewReader(b.Data), int64(len(b.Data)))
	if err != nil {
		return err
	}
	if !c.owns(holder.file) {
		if err := disk.WriteFile(c.manifestPath(holder.file), b.Data, 0o600); err != nil {
			return err
		}
	}
	return c.getManifest(ctx, id, holder.file)
}

// getManifest gets the file that holds the manifest of id.
func (c *Catalogue) getManifest(ctx context.Context, id, holder shard.FileID) error {
	return c.writeManifest(id, time.Time{}, func(w io.Writer) error {
		return c.cfg.Putter.Get(ctx, c.manifestPath(holder), w)
	})
}

// writeManifest writes the manifest of a file, dated unless the date is zero, and
// gives it its name if it is the owner's of this very file. Errors: [ErrNotOurs],
// [shard.ErrManifest], those of write and of the disk.
func (c *Catalogue) writeManifest(id shard.FileID, dated time.Time, write func(io.Writer) error) error {
	path := c.manifestPath(id)
	temp, err := disk.Temp(path, write)
	if err != nil {
		return err
	}
	f, err := c.readManifest(temp)
	if err == nil && f.file != id {
		err = fmt.Errorf("%w: it is of another file", ErrNotOurs)
	}
	if err == nil && !dated.IsZero() {
		err = date(temp, dated)
	}
	if err != nil {
		return errors.Join(err, os.Remove(temp))
	}
	return disk.Place(temp, path)
}

// date sets when a file was written to, and makes it durable.
func date(path string, at time.Time) error {
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(os.Chtimes(path, at, at), file.Sync(), file.Close())
}
