package store

import (
	"cmp"
	"context"
	"crypto/ed25519"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Open returns the bytes of a stored shard and how many they are. The caller
// closes the reader. It gives [wire.ErrNotFound], or [wire.ErrDamaged] when
// the file is not as long as it was: then, as when the file is gone, the shard
// is struck from the index before Open returns. A shard in quarantine gives
// [wire.ErrDamaged], too. The folder of all may be gone: [ErrAway].
func (s *Store) Open(id shard.ID) (r io.ReadSeekCloser, length int64, err error) {
	row, err := s.row(id)
	if err != nil {
		return nil, 0, fmt.Errorf("open shard %s: %w", id, err)
	}
	f, err := s.openWhole(id, row.Length)
	if err != nil {
		return nil, 0, fmt.Errorf("open shard %s: %w", id, err)
	}
	section := io.NewSectionReader(f, 0, int64(row.Length))
	return shardReader{section, f}, int64(row.Length), nil
}

// row reads the row sf of a stored shard. It gives [wire.ErrNotFound], or
// [wire.ErrDamaged] for a shard in quarantine.
func (s *Store) row(id shard.ID) (file fileRow, err error) {
	err = s.view(func(t tx) error {
		known, err := t.get(fileKey(id), &file)
		if err != nil || known {
			return err
		}
		known, err = t.get(badKey(id), nil)
		switch {
		case err != nil:
			return err
		case known:
			return wire.ErrDamaged
		}
		return wire.ErrNotFound
	})
	return file, err
}

type shardReader struct {
	*io.SectionReader
	io.Closer
}

// openWhole opens a stored shard's file. When it is gone or cut short, the
// shard is struck from the index.
func (s *Store) openWhole(id shard.ID, length uint32) (*os.File, error) {
	f, err := s.checkFile(id, length)
	if !errors.Is(err, wire.ErrNotFound) && !errors.Is(err, wire.ErrDamaged) {
		return f, err
	}
	if err := s.strike(id, length); err != nil {
		return nil, err
	}
	return nil, err
}

// checkFile opens a stored shard's file if it is as long as it must be. It gives
// [wire.ErrNotFound], [wire.ErrDamaged] or [ErrAway].
func (s *Store) checkFile(id shard.ID, length uint32) (*os.File, error) {
	f, err := s.disk.open(s.path(id))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, cmp.Or(s.here(), error(wire.ErrNotFound))
	}
	if err != nil {
		return nil, err
	}
	info, err := f.Stat()
	if err == nil && info.Size() != diskSize(length) {
		err = wire.ErrDamaged
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Held returns up to limit places that a file has shards in here, in the order
// of segments, from the first one after the cursor. A nil cursor starts; next
// is nil at the end. A cursor that is none gives [wire.ErrBadRequest].
//
// Shards whose files somebody removed or wrote to are read again first, up to
// 256 MiB or for 5 s, and left out when they are damaged. When the folder of all
// is gone, there is no list: [ErrAway].
func (s *Store) Held(locatorAdmin ed25519.PublicKey, after []byte, limit int) (rows []shard.Held, next []byte, err error) {
	rows, next, err = s.heldPage(locatorAdmin, after, limit)
	if err != nil {
		return nil, nil, fmt.Errorf("list: %w", err)
	}
	return rows, next, nil
}

// heldPage is Held. It gives no page without rows before the last one.
func (s *Store) heldPage(locatorAdmin ed25519.PublicKey, after []byte, limit int) (rows []shard.Held, next []byte, err error) {
	budget := s.newLook()
	for next = after; err == nil && len(rows) == 0; {
		rows, next, err = s.listed(locatorAdmin, next, limit)
		if err == nil {
			rows, err = s.present(rows, budget)
		}
		if next == nil {
			break
		}
	}
	return rows, next, err
}

// listed is a page by the rows alone.
func (s *Store) listed(locatorAdmin ed25519.PublicKey, after []byte, limit int) (rows []shard.Held, next []byte, err error) {
	if len(locatorAdmin) != len(admin{}) || (len(after) != 0 && len(after) != placeTail) || limit < 1 {
		return nil, nil, wire.ErrBadRequest.With("key of %d, cursor of %d bytes, limit %d", len(locatorAdmin), len(after), limit)
	}
	owner := admin(locatorAdmin)
	err = s.view(func(t tx) error {
		return t.tails(key(keyPlace, owner[:]), after, func(tail []byte) (bool, error) {
			if len(rows) == limit {
				next = after
				return false, nil
			}
			row, err := t.held(owner, tail)
			rows, after = append(rows, row), tail
			return true, err
		})
	})
	return rows, next, err
}

func (t tx) held(owner admin, tail []byte) (shard.Held, error) {
	at, id, err := parsePlace(tail)
	if err != nil {
		return shard.Held{}, err
	}
	var row placeRow
	var lease leaseRow
	if _, err := t.get(placeKey(owner, at, id), &row); err != nil {
		return shard.Held{}, err
	}
	if _, err := t.get(leaseKey(id, owner), &lease); err != nil {
		return shard.Held{}, err
	}
	return shard.Held{Shard: id, Segment: at.Segment, Index: at.Index, Length: row.Length, LeaseEnd: lease.End}, nil
}

// locatorPage is how many locators are read at a time.
const locatorPage = 256

// Locators yields every locator that has shards here, once. An error, that of
// ctx too, ends it.
func (s *Store) Locators(ctx context.Context) iter.Seq2[shard.Locator, error] {
	return func(yield func(shard.Locator, error) bool) {
		var last []byte
		for {
			page, err := s.page(keyLocator, last, locatorPage)
			if err == nil {
				err = ctx.Err()
			}
			if err != nil {
				yield(shard.Locator{}, fmt.Errorf("locators: %w", err))
				return
			}
			for _, tail := range page {
				again := len(last) > 0 && shard.Locator(tail) == shard.Locator(last)
				if last = tail; !again && !yield(shard.Locator(tail[:32]), nil) {
					return
				}
			}
			if len(page) < locatorPage {
				return
			}
		}
	}
}

// page returns the tails of up to limit keys of a kind, past one of them.
func (s *Store) page(kind string, after []byte, limit int) (page [][]byte, err error) {
	err = s.view(func(t tx) error {
		return t.tails([]byte(kind), after, func(tail []byte) (bool, error) {
			page = append(page, tail)
			return len(page) < limit, nil
		})
	})
	return page, err
}
