package replica

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/batchain/batchain/disk"
)

// compactSlack is how much a file may hold that is superseded, in bytes, beyond as
// much again as was in it when it was written anew.
const compactSlack = 1 << 20

// journal is the file of a replica: what [Replica.Save] writes, and after it each
// batch as it was taken in. A nil journal keeps nothing. It is guarded by r.mu.
type journal struct {
	path   string
	file   *os.File
	at     int64 // where the next record goes
	saved  int64 // size when it was written anew
	broken error // a write failed: what the disk holds is not known
}

// Open returns a replica that is kept in a file, which is made if need be: what was
// there is in the model when Open returns. An own update is on the disk before
// anybody gets it; those of others may be lost in a power cut, and come again. A
// last write that a crash tore off is cut off; damage before that is an error,
// wire.ErrDamaged, and leaves the file alone.
//
// One replica at a time may have a file open. A copy of the file that is put back
// later, on this machine or another, must meet the others before it is opened a
// second time: what it wrote meanwhile under numbers that were used before is then
// issued again.
func Open(ctx context.Context, path string, model Model, cfg Config) (*Replica, error) {
	r, err := New(model, cfg)
	if err != nil {
		return nil, err
	}
	_ = disk.Sweep(path, 0) // nobody else has it open
	if err := r.openJournal(ctx, path); err != nil {
		return nil, errors.Join(fmt.Errorf("open %s: %w", path, err), r.Close())
	}
	return r, nil
}

func (r *Replica) openJournal(ctx context.Context, path string) error {
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	l := newLoader(r, file)
	err = l.run(ctx)
	if errors.Is(err, ErrTorn) {
		r.cfg.Logger.Warn("cut off a torn write", "doc", r.cfg.Doc, "path", path, "at", l.whole)
		err = nil
	}
	if err == nil {
		err = file.Truncate(l.whole)
	}
	if err != nil {
		return errors.Join(err, file.Close())
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.journal = &journal{path: path, file: file, at: l.whole, saved: l.whole}
	if l.whole > 0 {
		return nil
	}
	return errors.Join(r.journal.start(r.start()), disk.SyncFolder(filepath.Dir(path)))
}

// start notes under which epoch we write from here on.
func (j *journal) start(s start) error {
	if j == nil {
		return nil
	}
	record, err := appendRecord(nil, kindStart, s)
	if err != nil {
		return err
	}
	return errors.Join(j.write(record), j.sync())
}

// append writes a batch; full are the sources of which it holds everything.
func (j *journal) append(updates []Update, full []Source) error {
	if j == nil || len(updates) == 0 {
		return nil
	}
	var buf []byte
	var err error
	for _, u := range updates {
		if buf, err = appendRecord(buf, kindUpdate, u.record); err != nil {
			return err
		}
	}
	if buf, err = appendRecord(buf, kindCommit, listOf(full)); err != nil {
		return err
	}
	return j.write(buf)
}

func (j *journal) write(data []byte) error {
	if j.broken != nil {
		return j.broken
	}
	if _, err := j.file.WriteAt(data, j.at); err != nil {
		if j.file.Truncate(j.at) != nil {
			j.broken = err
		}
		return err
	}
	j.at += int64(len(data))
	return nil
}

func (j *journal) sync() error {
	if j == nil {
		return nil
	}
	if j.broken == nil {
		if err := j.file.Sync(); err != nil {
			j.broken = fmt.Errorf("sync %s: %w", j.path, err)
		}
	}
	return j.broken
}

// fault is why nothing can be written any more.
func (j *journal) fault() error {
	if j == nil {
		return nil
	}
	return j.broken
}

func (j *journal) close() error {
	if j == nil {
		return nil
	}
	return errors.Join(j.sync(), j.file.Close())
}

// compact writes the file anew when most of it is superseded. r.mu is held. Where
// that fails, the old file goes on.
func (r *Replica) compact() {
	j := r.journal
	if j == nil || j.broken != nil || j.at < 2*j.saved+compactSlack {
		return
	}
	temp, err := disk.Temp(j.path, func(w io.Writer) error {
		return save(bufio.NewWriterSize(w, 64<<10), r.start(), r.history(nil))
	})
	if err == nil {
		err = j.become(temp)
	}
	if err != nil {
		j.saved = j.at // try again when it has doubled
		r.cfg.Logger.Error("compact", "doc", r.cfg.Doc, "path", j.path, "err", err)
	}
}

// become puts the new file in the place of the old one: a crash leaves the one or the
// other. No file is open while it is renamed, which not every system allows.
func (j *journal) become(temp string) error {
	err := errors.Join(j.file.Close(), disk.Place(temp, j.path))
	var openErr error
	if j.file, openErr = os.OpenFile(j.path, os.O_RDWR, 0); openErr != nil {
		j.broken = openErr
		return errors.Join(err, openErr)
	}
	info, statErr := j.file.Stat() // of the old one, if it is still there
	if statErr != nil {
		j.broken = statErr
		return errors.Join(err, statErr)
	}
	j.at, j.saved = info.Size(), info.Size()
	return err
}
