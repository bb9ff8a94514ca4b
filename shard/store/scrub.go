package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// Scrubbing: every shard is read from time to time and compared with its tree,
// because nothing else finds out that a disk forgets.
const (
	scrubRate   = 4 << 20             // bytes/s, unless configured
	scrubPeriod = 30 * 24 * time.Hour // from the begin of a round to that of the next
	scrubJitter = 3 * 24 * time.Hour  // the period is shorter by up to that much
	scrubLull   = time.Minute         // a start has other things to do
	scrubFloor  = 64 << 10            // bytes that a smaller shard counts as: to find it costs, too
	scrubStep   = 64 << 20            // bytes between two writes of the cursor
	scrubPage   = 64                  // shards found in one transaction
)

// scrubRow says where the rounds stand.
type scrubRow struct {
	Due   int64  `cbor:"1,keyasint"`           // Unix seconds: when the round begins, or began
	After []byte `cbor:"2,keyasint,omitempty"` // the last shard that was read in it
}

// recoverScrub puts the first round of a store some time ahead: machines that
// were set up together shall not all be busy at once.
func (s *Store) recoverScrub() error {
	var known bool
	err := s.view(func(t tx) (err error) {
		known, err = t.get([]byte(keyScrub), nil)
		return err
	})
	if err != nil || known {
		return err
	}
	return s.saveScrub(scrubRow{Due: s.now().Add(rand.N(scrubPeriod)).Unix()})
}

func (s *Store) saveScrub(row scrubRow) error {
	return s.update(func(b *batch) error { return b.put([]byte(keyScrub), row) }, nil)
}

func (s *Store) scrubLoop(ctx context.Context) {
	for wait := scrubLull; s.pause(ctx, wait) == nil; {
		next, err := s.scrub(ctx)
		if err != nil && ctx.Err() == nil {
			s.logger.Warn("scrub store", "err", err)
		}
		wait = max(scrubLull, min(next, time.Hour))
	}
}

// scrub carries out the round that is due, or the rest of it, and returns how
// long it is until the next one.
func (s *Store) scrub(ctx context.Context) (next time.Duration, err error) {
	var row scrubRow
	err = s.view(func(t tx) error {
		_, err := t.get([]byte(keyScrub), &row)
		return err
	})
	if err != nil {
		return 0, err
	}
	ahead := time.Unix(row.Due, 0).Sub(s.now())
	if ahead > 0 && ahead <= scrubPeriod { // further ahead: the clock was wrong once
		return ahead, nil
	}
	if err := s.scrubRound(ctx, &row); err != nil {
		return 0, err
	}
	now, due := s.now(), time.Unix(row.Due, 0).Add(scrubPeriod-rand.N(scrubJitter))
	if due.Before(now) || due.Sub(now) > scrubPeriod {
		due = now
	}
	return due.Sub(now), s.saveScrub(scrubRow{Due: due.Unix()})
}

// scrubRound reads every shard after the cursor.
func (s *Store) scrubRound(ctx context.Context, row *scrubRow) error {
	unsaved := int64(0)
	for {
		page, err := s.scrubNext(row.After)
		if err != nil {
			return err
		}
		for _, id := range page {
			n, err := s.scrubShard(ctx, id)
			if err != nil {
				return err
			}
			row.After, unsaved = bytes.Clone(id[:]), unsaved+n
			if unsaved >= scrubStep {
				if err := s.saveScrub(*row); err != nil {
					return err
				}
				unsaved = 0
			}
		}
		if len(page) < scrubPage {
			return nil
		}
	}
}

func (s *Store) scrubNext(after []byte) (page []shard.ID, err error) {
	err = s.view(func(t tx) error {
		return t.tails([]byte(keyFile), after, func(tail []byte) (bool, error) {
			page = append(page, shard.ID(tail))
			return len(page) < scrubPage, nil
		})
	})
	return page, err
}

// scrubShard reads one shard at the pace of scrubbing and returns what it
// counted as. Only ctx, and an index that does not answer, end the round.
func (s *Store) scrubShard(ctx context.Context, id shard.ID) (cost int64, err error) {
	row, err := s.row(id)
	if errors.Is(err, wire.ErrNotFound) || errors.Is(err, wire.ErrDamaged) {
		return 0, nil // gone since the page was read
	}
	if err != nil {
		return 0, err
	}
	cost = max(scrubFloor, diskSize(row.Length))
	paced := int64(0)
	pace := func(n int) error {
		s.metrics.scrubbed.Add(float64(n))
		paced += int64(n)
		return s.pause(ctx, s.scrubTime(int64(n)))
	}
	f, err := s.openWhole(id, row.Length)
	if err == nil {
		var at int64
		at, err = s.checkTree(f, id, row.Length, pace)
		f.Close()
		if errors.Is(err, wire.ErrDamaged) {
			s.quarantine(id)
		} else if err == nil {
			s.retime([]retimed{{id: id, was: row.Time, at: at}})
		}
	}
	if err != nil && ctx.Err() == nil {
		s.logger.Debug("scrub", "shard", id, "err", err)
	}
	if rest := cost - paced; rest > 0 {
		return cost, s.pause(ctx, s.scrubTime(rest))
	}
	return cost, ctx.Err()
}

func (s *Store) scrubTime(n int64) time.Duration {
	return time.Duration(n) * time.Second / time.Duration(s.scrubRate)
}

// checkTree reads a shard's file from its begin to its end. It gives
// [wire.ErrDamaged] unless its bytes have the hash id and its tree is theirs; at
// is the file's time before. pace is called after every read with its bytes.
func (s *Store) checkTree(f *os.File, id shard.ID, length uint32, pace func(int) error) (at int64, err error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return fileTime(info), s.checkAll(f, id, length, pace)
}

func (s *Store) checkAll(f io.Reader, id shard.ID, length uint32, pace func(int) error) error {
	buf := s.buffers.Get().(*[bufferSize]byte)
	defer s.buffers.Put(buf)
	read := func(n int64) ([]byte, error) {
		n = min(n, bufferSize)
		if _, err := io.ReadFull(f, buf[:n]); err != nil {
			return nil, fmt.Errorf("%w: %w", wire.ErrDamaged, err)
		}
		return buf[:n], pace(int(n))
	}
	hash := newTreeHash(int64(length))
	for at := int64(0); at < hash.length; {
		part, err := read(hash.length - at)
		if err != nil {
			return err
		}
		hash.add(part)
		at += int64(len(part))
	}
	root, tree := hash.finish()
	if root != id {
		return wire.ErrDamaged
	}
	part, err := read(int64(len(tree)))
	if err == nil && !bytes.Equal(part, tree) {
		err = wire.ErrDamaged
	}
	return err
}

// pauseFor waits for d, or until ctx ends.
func pauseFor(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
