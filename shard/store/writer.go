package store

import (
	"context"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/wire"
)

// batch is one transaction of the writer. Its counters are the store's, plus
// what this transaction changes.
type batch struct {
	tx
	count counters
}

// op is one change of the index, whole or not at all.
type op struct {
	// apply makes the change. It may run twice, first in company and then
	// alone, and an error undoes all of it.
	apply func(*batch) error
	// after runs under Store.mu, in the moment in which the counters change.
	after func()
	done  chan error
}

// batchOps bounds the changes in one transaction, and so its size: each writes
// a few hundred bytes, Badger takes 1.2 MB.
const batchOps = 64

// submit hands a change to the writer; the result arrives by wait.
func (s *Store) submit(apply func(*batch) error, after func()) *op {
	o := &op{apply: apply, after: after, done: make(chan error, 1)}
	select {
	case s.ops <- o:
	case <-s.done:
		o.done <- errStopped
	}
	return o
}

// wait returns once the change is on the disk, or was refused.
func (s *Store) wait(o *op) error {
	select {
	case err := <-o.done:
		o.done <- err
		return err
	case <-s.done:
	}
	select {
	case err := <-o.done:
		o.done <- err
		return err
	default:
		return errStopped
	}
}

// update is submit and wait.
func (s *Store) update(apply func(*batch) error, after func()) error {
	return s.wait(s.submit(apply, after))
}

// write carries out changes until ctx ends.
func (s *Store) write(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-s.ops:
			s.commit(s.gather(first))
		}
	}
}

func (s *Store) gather(first *op) []*op {
	ops := []*op{first}
	for len(ops) < batchOps {
		select {
		case o := <-s.ops:
			ops = append(ops, o)
		default:
			return ops
		}
	}
	return ops
}

// commit carries out ops in one transaction. When one of them is refused, or
// the transaction is, each gets one of its own.
func (s *Store) commit(ops []*op) {
	if err := s.apply(ops...); err == nil || len(ops) == 1 {
		finish(err, ops...)
		return
	}
	for _, o := range ops {
		finish(s.apply(o), o)
	}
}

func finish(err error, ops ...*op) {
	for _, o := range ops {
		o.done <- err
	}
}

func (s *Store) apply(ops ...*op) error {
	if free, err := s.disk.free(s.db.Opts().Dir); err != nil {
		return diskRefused(err)
	} else if free < indexFloor {
		return wire.ErrFull.With("no space left for the index")
	}
	before := s.counted()
	b := &batch{count: before}
	err := s.db.Update(func(txn *badger.Txn) error {
		b.tx = tx{txn}
		for _, o := range ops {
			if err := o.apply(b); err != nil {
				return err
			}
		}
		if b.count == before {
			return nil
		}
		return b.put([]byte(keyCounters), b.count)
	})
	if err != nil {
		return err
	}
	s.at("index synced")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count = b.count
	for _, o := range ops {
		if o.after != nil {
			o.after()
		}
	}
	return nil
}

func (s *Store) counted() counters {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.count
}
