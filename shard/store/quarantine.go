package store

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// quarantineTime is how long the file of a damaged shard is kept aside, for
// whoever wants to know what has become of it.
const quarantineTime = 7 * 24 * time.Hour

// quarantine looks at a shard again, all of it. When it is damaged, its file is
// moved aside and its leases end: it can be stored anew at once. What cannot be
// done now is done when the damage is found the next time.
func (s *Store) quarantine(id shard.ID) {
	defer s.files.lock(id)()
	var file fileRow
	err := s.view(func(t tx) error {
		known, err := t.get(fileKey(id), &file)
		if err == nil && !known {
			err = wire.ErrNotFound
		}
		return err
	})
	if errors.Is(err, wire.ErrNotFound) {
		return // deleted meanwhile
	}
	whole := true
	if err == nil {
		whole, _, err = s.checkBytes(id, file.Length)
	}
	if whole || err != nil {
		s.logger.Warn("a shard that seemed damaged stays", "shard", id, "err", err)
		return
	}
	s.condemn(id, file.Length)
}

// condemn puts a damaged shard into quarantine. The caller holds the file's
// lock.
func (s *Store) condemn(id shard.ID, length uint32) {
	s.metrics.bad.Inc()
	s.logger.Warn("a stored shard is damaged", "shard", id)
	if err := s.setAside(id, length); err != nil {
		s.logger.Warn("a damaged shard stays until it is found again", "shard", id, "err", err)
	}
}

// checkBytes reads all of a shard's file and reports whether bytes and tree are
// as they were written, and the file's time before. The caller holds the file's
// lock.
func (s *Store) checkBytes(id shard.ID, length uint32) (whole bool, at int64, err error) {
	f, err := s.checkFile(id, length)
	if err != nil { // no file of that length: whoever opens it will strike it
		return false, 0, err
	}
	defer f.Close()
	at, err = s.checkTree(f, id, length, func(n int) error {
		s.metrics.checked.Add(float64(n))
		return nil
	})
	if errors.Is(err, wire.ErrDamaged) {
		return false, at, nil
	}
	return err == nil, at, err
}

// setAside moves the file first and then changes the rows: a file without its
// row is found at the next start. The caller holds the file's lock.
func (s *Store) setAside(id shard.ID, length uint32) error {
	if err := s.endQuarantine(id); err != nil { // an older one of the same name
		return err
	}
	from, to := s.path(id), s.asidePath(id)
	if err := s.disk.rename(from, to); err != nil {
		return err
	}
	s.at("bad file moved")
	err := errors.Join(s.disk.syncFolder(filepath.Dir(to)), s.disk.syncFolder(filepath.Dir(from)))
	row := badRow{Length: length, Since: s.now().Unix()}
	for more := true; more && err == nil; {
		err = s.update(func(b *batch) (err error) {
			more, err = b.condemnSome(id, row)
			return err
		}, nil)
	}
	if err != nil && !errors.Is(err, errStopped) {
		err = errors.Join(err, s.disk.rename(to, from))
	}
	return err
}

// condemnSome ends some leases of a damaged shard. The last one turns its rows
// into that of the quarantine.
func (b *batch) condemnSome(id shard.ID, row badRow) (more bool, err error) {
	if more, err = b.strikeSome(id); err != nil || more {
		return more, err
	}
	if doomed, err := b.get(doomedKey(id), nil); err != nil || !doomed {
		return false, err
	}
	if err := b.del(doomedKey(id)); err != nil {
		return false, err
	}
	return false, b.put(badKey(id), row)
}

// endQuarantine ends a shard's quarantine, if it is in any: its file is removed, then
// the row. The caller holds the file's lock.
func (s *Store) endQuarantine(id shard.ID) error {
	var known bool
	err := s.view(func(t tx) (err error) {
		known, err = t.get(badKey(id), nil)
		return err
	})
	if err != nil || !known {
		return err
	}
	path := s.asidePath(id)
	if err := s.removeFile(path); err != nil {
		return err
	}
	s.at("bad file removed")
	if err := s.syncRemoval(path); err != nil {
		return err
	}
	return s.update(func(b *batch) error {
		var row badRow
		if known, err := b.get(badKey(id), &row); err != nil || !known {
			return err
		}
		b.count.Used -= diskSize(row.Length)
		return b.del(badKey(id))
	}, nil)
}

// endQuarantines ends the quarantine of the shards that match. There are few.
func (s *Store) endQuarantines(match func(tx, shard.ID, badRow) (bool, error)) error {
	var old []shard.ID
	err := s.view(func(t tx) error {
		return t.tails([]byte(keyBad), nil, func(tail []byte) (bool, error) {
			var row badRow
			id := shard.ID(tail)
			if _, err := t.get(badKey(id), &row); err != nil {
				return false, err
			}
			over, err := match(t, id, row)
			if over {
				old = append(old, id)
			}
			return true, err
		})
	})
	for _, id := range old {
		if err != nil {
			return err
		}
		unlock := s.files.lock(id)
		err = s.endQuarantine(id)
		unlock()
	}
	return err
}

// endOldQuarantines ends every quarantine that has lasted long enough.
func (s *Store) endOldQuarantines(now time.Time) error {
	before := now.Add(-quarantineTime).Unix()
	return s.endQuarantines(func(_ tx, _ shard.ID, row badRow) (bool, error) { return row.Since <= before, nil })
}

// recoverQuarantine makes the folder and its rows agree. A file that has no row
// was on its way when the store was left: it goes back, to be found again. What
// is stored anew is in quarantine no longer.
func (s *Store) recoverQuarantine() error {
	folder := filepath.Join(s.dir, asideFolder)
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return err
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	there := make(map[shard.ID]bool, len(entries))
	for _, entry := range entries {
		id, err := parseName(entry.Name())
		if err == nil {
			there[id], err = true, s.recoverAside(id)
		} else {
			err = s.removeFile(filepath.Join(folder, entry.Name()))
		}
		if err != nil {
			return err
		}
	}
	return s.endQuarantines(func(t tx, id shard.ID, _ badRow) (bool, error) {
		again, err := t.get(fileKey(id), nil)
		return again || !there[id], err
	})
}

func (s *Store) recoverAside(id shard.ID) error {
	var kept, stored bool
	err := s.view(func(t tx) (err error) {
		if kept, err = t.get(badKey(id), nil); err == nil {
			stored, err = t.get(fileKey(id), nil)
		}
		return err
	})
	if err != nil || kept {
		return err
	}
	_, err = os.Stat(s.path(id))
	if stored && errors.Is(err, fs.ErrNotExist) {
		return s.disk.rename(s.asidePath(id), s.path(id))
	}
	return s.removeFile(s.asidePath(id))
}
