package store

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/batchain/batchain/shard"
	"github.com/batchain/batchain/wire"
)

// KeepTime is how long the bytes of a broken transfer are kept.
const KeepTime = 24 * time.Hour

// maxKept bounds the broken transfers whose bytes are kept at one time.
const maxKept = 1024

// transfer is one shard on its way in, or what is kept of it.
type transfer struct {
	name   transferName
	shard  shard.ID
	owner  admin
	payer  payer
	length uint32
	lease  time.Duration

	active   bool      // guarded by Store.mu
	charge   int64     // bytes counted as in flight; guarded by Store.mu
	since    time.Time // when it broke; guarded by Store.mu
	kept     int64     // bytes of the temporary file that count
	intended bool      // there is, or may be, an intent row
}

// begin enters a transfer into the table. It gives [wire.ErrInProgress].
func (s *Store) begin(lot shard.Lot) (*transfer, error) {
	name := nameTransfer(lot.Offer)
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.transfers[name]
	if t == nil {
		t = &transfer{name: name, shard: lot.Offer.Shard, owner: admin(lot.Grant.Admin), length: lot.Offer.Length}
		s.transfers[name] = t
	}
	if t.active {
		return nil, wire.ErrInProgress
	}
	if t.length != lot.Offer.Length {
		return nil, wire.ErrBadRequest.With("the transfer began with a length of %d", t.length)
	}
	kept := t.charge
	s.charge(t, 0)
	t.payer, t.active, t.lease = payerOf(lot.Peer, lot.From), true, time.Duration(lot.Offer.Lease)*time.Second
	s.charge(t, kept)
	return t, nil
}

// end takes a transfer off the table, or keeps it there for the next try.
func (s *Store) end(t *transfer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	t.active = false
	s.charge(t, t.kept)
	if t.since = s.now(); t.kept == 0 {
		delete(s.transfers, t.name)
	}
}

// abandon removes what a transfer has on the disk and returns err. The room is
// given back by end.
func (s *Store) abandon(t *transfer, err error) error {
	if t.kept = 0; !t.intended {
		return err
	}
	if gone := s.removeFile(s.tempPath(t.name)); gone != nil {
		s.logger.Warn("a temporary file stays until the next start", "err", gone)
	}
	s.at("temp removed")
	forgotten := s.update(func(b *batch) error { return b.del(intentKey(t.name)) }, nil)
	if forgotten != nil {
		s.logger.Debug("an intent stays until the next start", "err", forgotten)
	}
	t.intended = false
	return err
}

// intend writes the row without which no file may be left behind. It need not
// be waited for until one could be.
func (s *Store) intend(t *transfer) *op {
	if t.intended {
		o := &op{done: make(chan error, 1)}
		o.done <- nil
		return o
	}
	t.intended = true
	row := intentRow{
		Shard: t.shard, Admin: bytes.Clone(t.owner[:]), Length: t.length, Since: s.now().Unix(),
		Peer: []byte(t.payer.peer), Network: []byte(t.payer.network),
	}
	return s.submit(func(b *batch) error { return b.put(intentKey(t.name), row) }, nil)
}

// fill brings the temporary file to its full length, checked and synced, tree
// and all. What a broken stream leaves is kept.
func (s *Store) fill(ctx context.Context, t *transfer, intent *op, ready func(int64) (io.Reader, error)) (err error) {
	f, err := s.disk.openTemp(s.tempPath(t.name))
	if err != nil {
		return s.abandon(t, diskRefused(err))
	}
	s.at("temp made")
	in := &intake{store: s, file: f, hash: newTreeHash(int64(t.length)), length: int64(t.length), kept: t.kept}
	t.kept = 0 // what an earlier try left may be what is wrong
	err = in.run(ctx, ready)
	if err == nil {
		err = in.seal(t.shard)
	}
	var broken *brokenError
	if errors.As(err, &broken) {
		t.kept = in.keep()
	}
	if closed := f.Close(); err == nil && closed != nil {
		err = diskRefused(closed)
	}
	if indexed := s.wait(intent); indexed != nil {
		t.kept = 0
		err = errors.Join(err, indexRefused(indexed))
	}
	if err != nil && (t.kept == 0 || s.keepsEnough()) {
		return s.abandon(t, unbroken(err))
	}
	return unbroken(err)
}

// putOff keeps the filled temporary file for the next try, and returns err.
func (s *Store) putOff(t *transfer, err error) error {
	t.kept = int64(t.length) - int64(t.length)%groupSize
	if t.kept == 0 || s.keepsEnough() {
		return s.abandon(t, err)
	}
	return err
}

// keepsEnough reports whether no more broken transfers may be kept.
func (s *Store) keepsEnough() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	kept := 0
	for _, t := range s.transfers {
		if !t.active {
			kept++
		}
	}
	return kept >= maxKept
}

// brokenError is an error of the stream, not of its bytes.
type brokenError struct{ error }

func (e *brokenError) Unwrap() error { return e.error }

func unbroken(err error) error {
	var broken *brokenError
	if errors.As(err, &broken) {
		return fmt.Errorf("stream: %w", broken.error)
	}
	return err
}
