package replica

import (
	"fmt"
	"iter"
	"slices"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
)

// sweepEvery is how often, in changes, all of a replica's own updates are looked
// through for those that can go.
const sweepEvery = 64

// Bind is part of [Binder].
func (m *Map) Bind(id peer.ID, local func(changes ...[]byte) error) { m.id, m.local = id, local }

// Check is part of [Model].
func (m *Map) Check(change []byte) error {
	_, err := parseMapOp(change)
	return err
}

func parseMapOp(change []byte) (mapOp, error) {
	var op mapOp
	if err := wire.Unmarshal(change, &op); err != nil {
		return mapOp{}, fmt.Errorf("map: %w", err)
	}
	if op.Deleted && len(op.Value) > 0 {
		return mapOp{}, fmt.Errorf("map: %w: a deletion with a value", wire.ErrBadRequest)
	}
	return op, nil
}

// Apply is part of [Model].
func (m *Map) Apply(u Update) {
	op, err := parseMapOp(u.Change)
	if err != nil {
		return // Check let it pass
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	key, e := string(op.Key), Entry[mapOp]{u, op}
	m.log.Add(u, op)
	versions := m.keys[key]
	at, _ := slices.BinarySearchFunc(versions, e, compareEntries)
	m.keys[key] = slices.Insert(versions, at, e)
	if at == len(versions) {
		m.feed.touch(key)
	}
}

func compareEntries(a, b Entry[mapOp]) int { return a.Update.Compare(b.Update) }

// Forget is part of [Model].
func (m *Map) Forget(source Source, seq uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	e, ok := m.log.Remove(source, seq)
	if !ok {
		return
	}
	key := string(e.Is.Key)
	versions := m.keys[key]
	at, _ := slices.BinarySearchFunc(versions, e, compareEntries)
	last := at == len(versions)-1
	if versions = slices.Delete(versions, at, at+1); len(versions) == 0 {
		delete(m.keys, key)
	} else {
		m.keys[key] = versions
	}
	if last && !e.Is.Deleted {
		m.feed.touch(key)
	}
}

// History is part of [Model].
func (m *Map) History(since Clock) iter.Seq[Update] {
	m.mu.RLock()
	defer m.mu.RUnlock()
	return m.log.History(since)
}

// Obsolete is part of [Pruner]: what the same replica wrote of the same key before,
// and now and then all that another's update covers, that has expired, that is a
// tombstone of age, or more than MaxKeys.
func (m *Map) Obsolete(u Update) []uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	var seqs []uint64
	if len(u.Change) > 0 {
		op, _ := parseMapOp(u.Change)
		for _, e := range m.keys[string(op.Key)] {
			if e.Update.Source == u.Source {
				seqs = append(seqs, e.Update.Seq)
			}
		}
	}
	seqs = append(seqs, m.surplus(u)...)
	if m.sweeps++; len(u.Change) == 0 || m.sweeps%sweepEvery == 0 {
		for _, e := range m.log.By(u.Source) {
			if m.useless(e, u.Time) {
				seqs = append(seqs, e.Update.Seq)
			}
		}
	}
	return seqs
}

// surplus returns what is beyond MaxKeys, except what still hides another's update.
func (m *Map) surplus(u Update) []uint64 {
	if m.opts.MaxKeys <= 0 {
		return nil
	}
	return slices.DeleteFunc(m.log.Oldest(u, m.opts.MaxKeys), func(seq uint64) bool {
		e, _ := m.log.Get(u.Source, seq)
		return len(m.keys[string(e.Is.Key)]) > 1
	})
}

// useless reports whether the map is the same without an update. A tombstone has to
// stay while there is something that it hides.
func (m *Map) useless(e Entry[mapOp], now Timestamp) bool {
	versions := m.keys[string(e.Is.Key)]
	covered := versions[len(versions)-1].Update.sum != e.Update.sum
	aged := e.Is.Deleted && len(versions) == 1 && At(e.Update.Time.Time().Add(m.opts.TombstoneAge)) <= now
	return covered || aged || m.expired(e.Update, now)
}
