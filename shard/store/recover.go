package store

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// recover makes files, rows and counters agree again. It looks only at what
// was under way when the store was last left.
func (s *Store) recover(ctx context.Context) error {
	var wg sync.WaitGroup
	defer wg.Wait()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	wg.Go(func() { s.write(ctx) })
	for _, step := range []func() error{s.readFormat, s.findGround, s.recoverQuarantine, s.recoverScrub, s.finishSweeps, s.finishDeletes, s.recoverTransfers, s.clearTemp} {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// format is the version of the index as a whole.
const format = 2

type formatRow struct {
	Format int `cbor:"1,keyasint"`
}

func (s *Store) readFormat() error {
	var row formatRow
	err := s.view(func(t tx) error {
		if _, err := t.get([]byte(keyFormat), &row); err != nil {
			return err
		}
		_, err := t.get([]byte(keyCounters), &s.count)
		return err
	})
	if err != nil || row.Format == format {
		return err
	}
	if row.Format == 1 {
		if err := s.upgrade(); err != nil {
			return fmt.Errorf("upgrade index: %w", err)
		}
	} else if row.Format != 0 {
		return fmt.Errorf("index of format %d, this program reads %d: %w", row.Format, format, wire.ErrUnsupported)
	}
	return s.update(func(b *batch) error { return b.put([]byte(keyFormat), formatRow{format}) }, nil)
}

func (s *Store) finishSweeps() error {
	var ids []shard.ID
	err := s.view(func(t tx) error {
		return t.tails([]byte(keyDoomed), nil, func(tail []byte) (bool, error) {
			ids = append(ids, shard.ID(tail))
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	if err := s.sweep(ids); err != nil {
		s.logger.Warn("deleted shards stay until the next try", "err", err)
	}
	return nil
}

func (s *Store) finishDeletes() error {
	var owners []admin
	err := s.view(func(t tx) error {
		return t.tails([]byte(keyDelete), nil, func(tail []byte) (bool, error) {
			owners = append(owners, admin(tail))
			return true, nil
		})
	})
	if err != nil {
		return err
	}
	for _, owner := range owners {
		if _, err := s.deleteAll(owner); err != nil {
			s.logger.Warn("deleted files stay until the next try", "err", err)
		}
	}
	return nil
}

// recoverTransfers finds what transfers left that did not commit.
func (s *Store) recoverTransfers() error {
	found := make(map[transferName]intentRow)
	err := s.view(func(t tx) error {
		return t.tails([]byte(keyIntent), nil, func(tail []byte) (bool, error) {
			var row intentRow
			_, err := t.get(intentKey(transferName(tail)), &row)
			found[transferName(tail)] = row
			return true, err
		})
	})
	for name, row := range found {
		if err != nil {
			return err
		}
		err = s.recoverTransfer(name, row)
	}
	return err
}

func (s *Store) recoverTransfer(name transferName, row intentRow) error {
	if len(row.Admin) != len(admin{}) {
		return fmt.Errorf("intent row: admin key of %d bytes: %w", len(row.Admin), wire.ErrBadRequest)
	}
	who := payer{peer: peer.ID(row.Peer), network: string(row.Network)}
	t := &transfer{name: name, shard: row.Shard, owner: admin(row.Admin), payer: who, length: row.Length, intended: true}
	deleted, err := s.returnToTemp(t)
	if err != nil {
		return err
	}
	if !deleted {
		t.kept, t.since = s.salvage(t)
	}
	if t.kept == 0 || s.now().Sub(t.since) > KeepTime {
		return s.abandon(t, nil)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.transfers[name] = t
	s.charge(t, t.kept)
	return nil
}

// returnToTemp takes a shard's file back that was placed but not committed. It
// reports whether the file's owner has deleted it since.
func (s *Store) returnToTemp(t *transfer) (deleted bool, err error) {
	var committed bool
	err = s.view(func(tx tx) error {
		err := tx.refuseDeleted(t.owner, s.now())
		if deleted = errors.Is(err, wire.ErrDeleted); err != nil && !deleted {
			return err
		}
		if committed, err = tx.get(fileKey(t.shard), nil); err != nil || committed {
			return err
		}
		committed, err = tx.get(doomedKey(t.shard), nil)
		return err
	})
	if err != nil || committed {
		return deleted, err
	}
	err = s.disk.rename(s.path(t.shard), s.tempPath(t.name))
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return deleted, err
}

// salvage returns how many bytes of a temporary file can be kept, and since
// when it lies there.
func (s *Store) salvage(t *transfer) (kept int64, since time.Time) {
	path := s.tempPath(t.name)
	info, err := os.Stat(path)
	if err != nil {
		return 0, since
	}
	f, err := s.disk.openTemp(path)
	if err != nil {
		return 0, since
	}
	defer f.Close()
	in := intake{file: f, at: min(info.Size(), int64(t.length))}
	return in.keep(), info.ModTime()
}

// clearTemp removes temporary files that no row knows.
func (s *Store) clearTemp() error {
	entries, err := os.ReadDir(filepath.Join(s.dir, tempFolder))
	if err != nil {
		return err
	}
	known := make(map[string]bool, len(s.transfers))
	for name := range s.transfers {
		known[hex.EncodeToString(name[:])] = true
	}
	for _, entry := range entries {
		if known[entry.Name()] {
			continue
		}
		if err := s.removeFile(filepath.Join(s.dir, tempFolder, entry.Name())); err != nil {
			return err
		}
	}
	return nil
}
