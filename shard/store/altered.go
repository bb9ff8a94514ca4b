package store

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// What one answer may read of files that somebody wrote to. The rest is taken
// for whole, and looked at by the next one.
const (
	lookBytes = 256 << 20
	lookTime  = 5 * time.Second
)

// retimePage is how many rows one transaction gives a new time.
const retimePage = 256

// look is what is left of that.
type look struct {
	bytes int64
	until time.Duration // by Store.ticks
	found []retimed
}

// retimed is a shard that is whole, though its file's time was another one.
type retimed struct {
	id      shard.ID
	was, at int64
}

// fileTime is when a file was last written to, in Unix nanoseconds; never 0.
func fileTime(info fs.FileInfo) int64 {
	if at := info.ModTime().UnixNano(); at != 0 {
		return at
	}
	return 1
}

// altered reports whether a shard's file is not as it was left: gone, of
// another size, or written to since. It does not read it. That the disk does not
// answer says nothing.
func (s *Store) altered(id shard.ID, row fileRow) bool {
	info, err := os.Stat(s.path(id))
	if err != nil {
		return errors.Is(err, fs.ErrNotExist)
	}
	return info.Size() != diskSize(row.Length) || row.Time != 0 && row.Time != fileTime(info)
}

// intact makes sure that a shard whose file was altered is whole still. If not,
// it gives [wire.ErrNotFound] or [wire.ErrDamaged], and the shard is gone or in
// quarantine.
func (s *Store) intact(id shard.ID, row fileRow) error {
	if !s.altered(id, row) {
		return nil
	}
	found, err := s.verify(id)
	if err == nil {
		s.retime([]retimed{found})
	}
	return err
}

// verify reads an altered shard again, all of it; see intact.
func (s *Store) verify(id shard.ID) (found retimed, err error) {
	defer s.files.lock(id)()
	row, err := s.row(id)
	if err != nil {
		return found, err
	}
	found = retimed{id: id, was: row.Time, at: row.Time}
	if !s.altered(id, row) { // somebody else has looked
		return found, nil
	}
	s.logger.Warn("somebody wrote to a shard's file", "shard", id)
	whole, at, err := s.checkBytes(id, row.Length)
	if errors.Is(err, wire.ErrNotFound) || errors.Is(err, wire.ErrDamaged) {
		return found, errors.Join(err, s.strikeLocked(id, row.Length))
	}
	if err != nil {
		return found, err
	}
	if !whole {
		s.condemn(id, row.Length)
		return found, wire.ErrDamaged
	}
	found.at = at
	return found, nil
}

func (s *Store) newLook() *look { return &look{bytes: lookBytes, until: s.ticks() + lookTime} }

// present leaves out the places whose shards are not here whole, as far as the
// budget reaches.
func (s *Store) present(rows []shard.Held, budget *look) ([]shard.Held, error) {
	files, err := s.filesOf(rows)
	if err != nil {
		return nil, err
	}
	budget.found = nil
	here := make(map[shard.ID]bool, len(files))
	there := rows[:0]
	for _, row := range rows {
		yes, known := here[row.Shard]
		if !known {
			if yes, err = s.lookAt(row.Shard, files[row.Shard], budget); err != nil {
				return nil, err
			}
			here[row.Shard] = yes
		}
		if yes {
			there = append(there, row)
		}
	}
	s.retime(budget.found)
	return there, nil
}

// filesOf reads the rows sf of these places; a shard that has none is left out.
func (s *Store) filesOf(rows []shard.Held) (map[shard.ID]fileRow, error) {
	files := make(map[shard.ID]fileRow, len(rows))
	err := s.view(func(t tx) error {
		for _, row := range rows {
			if _, known := files[row.Shard]; known {
				continue
			}
			var file fileRow
			known, err := t.get(fileKey(row.Shard), &file)
			if err != nil {
				return err
			}
			if known {
				files[row.Shard] = file
			}
		}
		return nil
	})
	return files, err
}

// lookAt reports whether a shard is here, and whole as far as can be told. The
// error is [ErrAway].
func (s *Store) lookAt(id shard.ID, row fileRow, budget *look) (bool, error) {
	switch {
	case row.Length == 0: // gone meanwhile
		return false, nil
	case !s.altered(id, row), budget.bytes <= 0, s.ticks() >= budget.until:
		return true, nil
	}
	budget.bytes -= diskSize(row.Length)
	found, err := s.verify(id)
	if err == nil {
		budget.found = append(budget.found, found)
		return true, nil
	}
	if errors.Is(err, wire.ErrNotFound) || errors.Is(err, wire.ErrDamaged) {
		return false, nil
	}
	if errors.Is(err, ErrAway) {
		return false, err
	}
	s.logger.Warn("an altered file cannot be read", "shard", id, "err", err)
	return true, nil
}

// retime notes when the files of whole shards were written to. What cannot be
// noted is read again the next time.
func (s *Store) retime(found []retimed) {
	found = slices.DeleteFunc(found, func(r retimed) bool { return r.at == r.was })
	for part := range slices.Chunk(found, retimePage) {
		err := s.update(func(b *batch) error {
			for _, r := range part {
				if err := b.retime(r); err != nil {
					return err
				}
			}
			return nil
		}, nil)
		if err != nil {
			s.logger.Debug("times of files", "err", err)
			return
		}
	}
}

func (b *batch) retime(r retimed) error {
	var row fileRow
	known, err := b.get(fileKey(r.id), &row)
	if err != nil || !known || row.Time != r.was {
		return err
	}
	row.Time = r.at
	return b.put(fileKey(r.id), row)
}
