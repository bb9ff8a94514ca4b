package hive

import (
	"context"
	"fmt"

	"github.com/dgraph-io/badger/v4"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// unitRow is about what the rows of a unit take beside its input, in bytes.
const unitRow = 512

// Add gives a project more units and returns how many of them were new: those
// whose key it has already are not. They are on the disk when it returns, each
// call as a whole up to 256 units and 1 MiB, larger ones in parts. A sealed
// project, or one that is over, takes none: [work.ErrSealed].
func (h *Hive) Add(ctx context.Context, name string, units ...work.Unit) (added int, err error) {
	for _, u := range units {
		if err := u.Validate(); err != nil {
			return 0, fmt.Errorf("add to project %s: %w", name, err)
		}
	}
	for len(units) > 0 {
		part, size := 0, 0
		for part < len(units) && part < maxBatch && size < maxBatchBytes {
			size += len(units[part].Input) + unitRow
			part++
		}
		n, err := ask(ctx, h, size, func(t *turn) (int, error) { return t.add(name, units[:part]) })
		added += n
		if err != nil {
			return added, fmt.Errorf("add to project %s: %w", name, err)
		}
		units = units[part:]
	}
	return added, nil
}

func (t *turn) add(name string, units []work.Unit) (added int, err error) {
	p, err := t.named(name)
	if err != nil {
		return 0, err
	}
	if p.row.Sealed || p.row.State > Paused {
		return 0, work.ErrSealed
	}
	for _, u := range units {
		if u.Key != "" {
			key := namedKey(rowKey, p.id, u.Key)
			if t.get(key, new(uint64)) {
				continue
			}
			t.put(key, p.row.Made)
		}
		t.put(unitKey(p.id, u.Priority, p.row.Made), u)
		p.row.Made++
		added++
	}
	t.projects[p] = true
	t.after = append(t.after, func() {
		for _, u := range units {
			p.lanes[u.Priority].more = true
		}
		t.work.raise()
	})
	return added, nil
}

// lane is the units of one priority that nobody has begun, in order.
type lane struct {
	next  uint64   // number of the first one that was not read
	ahead []queued // read already
	more  bool     // there may be more to read
}

type queued struct {
	seq  uint64
	unit work.Unit
}

// Bounds of what a lane reads at one time.
const (
	laneUnits = 256
	laneBytes = 1 << 20
)

// first returns the first unit of a lane, which stays there.
func (t *turn) first(p *project, priority int) *queued {
	l := &p.lanes[priority]
	if len(l.ahead) == 0 && l.more {
		t.fail([]byte{rowUnit}, t.refill(p, l, uint8(priority)))
	}
	if len(l.ahead) == 0 {
		return nil
	}
	return &l.ahead[0]
}

// refill reads on, in this turn's own view: a unit that has ended in it is gone.
func (t *turn) refill(p *project, l *lane, priority uint8) error {
	prefix := laneKey(p.id, priority)
	l.more, l.ahead = false, nil
	size := 0
	it := t.txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 64})
	defer it.Close()
	for it.Seek(unitKey(p.id, priority, l.next)); it.ValidForPrefix(prefix); it.Next() {
		if len(l.ahead) >= laneUnits || size >= laneBytes {
			l.more = true
			return nil
		}
		q := queued{seq: number(it.Item().Key())}
		l.next = q.seq + 1
		if p.open[q.seq] != nil {
			continue
		}
		if err := it.Item().Value(func(row []byte) error { return decodeRow(row, &q.unit) }); err != nil {
			return err
		}
		size += len(q.unit.Input)
		l.ahead = append(l.ahead, q)
	}
	return nil
}

// fresh takes the next unit that nobody has begun: of the highest priority, and
// every sixteenth time the oldest one, so that none waits for ever.
func (t *turn) fresh(p *project) (queued, bool) {
	p.lease++
	best := -1
	for priority := work.MaxPriority; priority >= 0; priority-- {
		q := t.first(p, priority)
		if q == nil {
			continue
		}
		if best < 0 || q.seq < p.lanes[best].ahead[0].seq {
			best = priority
		}
		if p.lease%16 != 0 {
			break
		}
	}
	if best < 0 {
		return queued{}, false
	}
	l := &p.lanes[best]
	q := l.ahead[0]
	l.ahead = l.ahead[1:]
	return q, true
}

// unit reads the unit of an open group.
func (t *turn) unit(g *group) (work.Unit, bool) {
	var u work.Unit
	if !t.get(unitKey(g.project.id, g.Priority, g.seq), &u) {
		t.fail([]byte{rowUnit}, fmt.Errorf("unit %d of project %s: %w", g.seq, g.project.row.Project.Name, wire.ErrDamaged))
		return u, false
	}
	return u, true
}
