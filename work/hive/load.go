package hive

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// load reads the state from the rows. It does not touch the units that nobody
// has begun, however many there are.
func (h *Hive) load() error {
	before := h.projects
	h.state = state{
		projects: map[uint32]*project{}, names: map[string]*project{},
		reputations: map[reputationName]*work.Reputation{}, members: map[peer.ID]map[*group]struct{}{},
		uneasy:    map[reputationName]bool{},
		nextCheck: rand.Uint64N(1 << 47), // no token of a check that is forgotten names another one
		crowds:    map[work.ProgramID]*crowd{}, disputes: map[reputationName]int{},
	}
	return h.view(func(txn *badger.Txn) error {
		if err := h.loadProjects(txn); err != nil {
			return err
		}
		if err := h.loadGroups(txn, before); err != nil {
			return err
		}
		if err := h.loadQuizzes(txn); err != nil {
			return err
		}
		return h.loadEvents(txn)
	})
}

// each calls read with every row whose key begins with prefix.
func each(txn *badger.Txn, prefix []byte, read func(key, row []byte) error) error {
	it := txn.NewIterator(badger.IteratorOptions{Prefix: prefix, PrefetchValues: true, PrefetchSize: 64})
	defer it.Close()
	for it.Rewind(); it.Valid(); it.Next() {
		item := it.Item()
		if err := item.Value(func(row []byte) error { return read(item.Key(), row) }); err != nil {
			return fmt.Errorf("row %c: %w", prefix[0], err)
		}
	}
	return nil
}

func (h *Hive) loadProjects(txn *badger.Txn) error {
	return each(txn, []byte{rowProject}, func(key, row []byte) error {
		var r projectRow
		if err := decodeRow(row, &r); err != nil {
			return err
		}
		id := binary.BigEndian.Uint32(key[1:])
		p := newProject(id, r)
		h.projects[id], h.names[r.Project.Name] = p, p
		h.nextProject = max(h.nextProject, id+1)
		return nil
	})
}

func (h *Hive) loadGroups(txn *badger.Txn, before map[uint32]*project) error {
	return each(txn, []byte{rowGroup}, func(key, row []byte) error {
		p := h.projects[binary.BigEndian.Uint32(key[1:])]
		if p == nil {
			return fmt.Errorf("group %x has no project", key)
		}
		g := &group{project: p, seq: number(key), place: -1}
		if err := decodeRow(row, &g.Group); err != nil {
			return err
		}
		if g.State == work.Validating {
			g.State = work.Open // nobody is at it any more: the validator is asked again
		}
		g.Rewind(&p.row.Project, h.now())
		p.open[g.seq] = g
		for i := range g.Attempts {
			h.relet(g, i, before)
			h.join(g.Attempts[i].Peer, g)
		}
		h.schedule(g, 1) // look at it at once
		return nil
	})
}

// relet gives an attempt the lease that it had in memory, as heartbeats are not on the disk, and a new one
// when the hive was not there.
func (h *Hive) relet(g *group, n int, before map[uint32]*project) {
	a := &g.Attempts[n]
	switch p := g.project; {
	case !a.Active():
	case before == nil:
		g.Renew(n, &p.row.Project, a.Progress, h.now())
	case before[p.id] != nil && before[p.id].open[g.seq] != nil:
		if had := before[p.id].open[g.seq]; n < len(had.Attempts) && had.Attempts[n].Peer == a.Peer {
			a.Until = max(a.Until, had.Attempts[n].Until)
		}
	}
}

func (h *Hive) loadQuizzes(txn *badger.Txn) error {
	return each(txn, []byte{rowQuiz}, func(key, row []byte) error {
		p := h.projects[binary.BigEndian.Uint32(key[1:])]
		if p == nil || int(binary.BigEndian.Uint16(key[5:])) != len(p.quizzes) {
			return fmt.Errorf("quiz %x is out of place", key)
		}
		q := &quiz{place: uint16(len(p.quizzes))}
		if err := decodeRow(row, &q.quizRow); err != nil {
			return err
		}
		p.quizzes = append(p.quizzes, q)
		return nil
	})
}
