package gossip

import (
	"errors"
	"fmt"
	"iter"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// savedRow is a member as a row of Badger.
type savedRow struct {
	Version     uint8  `cbor:"1,keyasint"`
	Live        bool   `cbor:"2,keyasint,omitempty"`
	Incarnation uint64 `cbor:"3,keyasint"`
	Seen        int64  `cbor:"4,keyasint"` // Unix seconds; 0: never
	Records     []byte `cbor:"5,keyasint,omitempty"`
}

const rowVersion = 1

// BadgerStore is a [Store] in a Badger database that others may share: its
// rows are those under a prefix. They are as durable as the database's writes.
type BadgerStore struct {
	db     *badger.DB
	prefix string
	room   func() bool
}

// NewBadgerStore returns the store under prefix in db, which stays the
// caller's to close. Room, if not nil, is asked before every write; while it
// says no, Put and Delete fail: on a full disk a write of Badger ends the
// process.
func NewBadgerStore(db *badger.DB, prefix string, room func() bool) *BadgerStore {
	return &BadgerStore{db: db, prefix: prefix + "/", room: room}
}

func (s *BadgerStore) key(p peer.ID) []byte { return []byte(s.prefix + string(p)) }

// write makes changes of any number durable; a transaction has a bound.
func (s *BadgerStore) write(change func(*badger.WriteBatch) error) error {
	if s.room != nil && !s.room() {
		return errors.New("no room on the disk")
	}
	batch := s.db.NewWriteBatch()
	defer batch.Cancel()
	if err := change(batch); err != nil {
		return err
	}
	return batch.Flush()
}

// Get returns what is kept of a peer, or [ErrNotFound].
func (s *BadgerStore) Get(p peer.ID) (saved Saved, err error) {
	err = s.db.View(func(txn *badger.Txn) error {
		item, err := txn.Get(s.key(p))
		if errors.Is(err, badger.ErrKeyNotFound) {
			return ErrNotFound
		}
		if err != nil {
			return err
		}
		saved, err = readRow(item, p)
		return err
	})
	if err != nil {
		err = fmt.Errorf("get %s: %w", p, err)
	}
	return saved, err
}

// Put keeps members.
func (s *BadgerStore) Put(members ...Saved) error {
	return s.write(func(batch *badger.WriteBatch) error {
		for _, m := range members {
			row := savedRow{Version: rowVersion, Live: m.Live, Incarnation: m.Incarnation, Records: m.Records}
			if !m.Seen.IsZero() {
				row.Seen = m.Seen.Unix()
			}
			data, err := wire.Marshal(row)
			if err != nil {
				return err
			}
			if err := batch.Set(s.key(m.Peer), data); err != nil {
				return fmt.Errorf("put %s: %w", m.Peer, err)
			}
		}
		return nil
	})
}

// Delete forgets a member.
func (s *BadgerStore) Delete(p peer.ID) error {
	return s.write(func(batch *badger.WriteBatch) error { return batch.Delete(s.key(p)) })
}

// Peers yields the live members, or all others.
func (s *BadgerStore) Peers(live bool) iter.Seq2[Saved, error] {
	return func(yield func(Saved, error) bool) {
		err := s.db.View(func(txn *badger.Txn) error {
			options := badger.DefaultIteratorOptions
			options.Prefix = []byte(s.prefix)
			rows := txn.NewIterator(options)
			defer rows.Close()
			for rows.Rewind(); rows.Valid(); rows.Next() {
				item := rows.Item()
				saved, err := readRow(item, peer.ID(item.Key()[len(s.prefix):]))
				if err != nil {
					return err
				}
				if saved.Live == live && !yield(saved, nil) {
					return nil
				}
			}
			return nil
		})
		if err != nil {
			yield(Saved{}, err)
		}
	}
}

func readRow(item *badger.Item, p peer.ID) (Saved, error) {
	var row savedRow
	if err := item.Value(func(data []byte) error { return wire.Unmarshal(data, &row) }); err != nil {
		return Saved{}, err
	}
	if row.Version != rowVersion {
		return Saved{}, fmt.Errorf("row of version %d", row.Version)
	}
	saved := Saved{Peer: p, Live: row.Live, Incarnation: row.Incarnation, Records: row.Records}
	if row.Seen != 0 {
		saved.Seen = time.Unix(row.Seen, 0)
	}
	return saved, nil
}
