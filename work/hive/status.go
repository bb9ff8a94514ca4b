package hive

import (
	"cmp"
	"context"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
)

// Status is how a project stands.
type Status struct {
	Project   work.Project
	State     State
	Sealed    bool   // no more units come
	Made      uint64 // units
	Valid     uint64 // … whose result is there
	Failed    uint64
	Cancelled uint64
	Open      int    // … that bees have been at
	Active    int    // attempts under way
	Waiting   int    // open units that wait for another bee
	Bees      int    // that could have units of its program, and were heard of in the last two minutes
	Begun     uint64 // attempts handed out, spot checks included
	Checks    uint64 // spot checks handed out
	// Declined counts bees that asked since the start and whose owners give less than a
	// unit may use, by what that is, in words for people.
	Declined map[string]int
}

// Projects returns how all projects stand, by name.
func (h *Hive) Projects(ctx context.Context) ([]Status, error) {
	return ask(ctx, h, 0, func(t *turn) ([]Status, error) {
		var all []Status
		for _, p := range t.names {
			all = append(all, p.status(t.crowd(p).here(t.now)))
		}
		slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.Project.Name, b.Project.Name) })
		return all, nil
	})
}

// Show returns how one project stands; [work.ErrDatabaseNotFound] when there
// is none.
func (h *Hive) Show(ctx context.Context, name string) (Status, error) {
	return ask(ctx, h, 0, func(t *turn) (Status, error) {
		p, err := t.named(name)
		if err != nil {
			return Status{}, err
		}
		return p.status(t.crowd(p).here(t.now)), nil
	})
}

// maxCaught bounds the bees that [Hive.Caught] names.
const maxCaught = 64

// Caught returns bees that gave wrong results of a project's program, at most 64;
// [work.ErrDatabaseNotFound] when there is no project of that name.
func (h *Hive) Caught(ctx context.Context, name string) (bees []peer.ID, err error) {
	program, err := ask(ctx, h, 0, func(t *turn) (work.ProgramID, error) {
		p, err := t.named(name)
		if err != nil {
			return work.ProgramID{}, err
		}
		return p.program, nil
	})
	if err != nil {
		return nil, err
	}
	prefix := reputationKey(program, "")
	err = h.view(func(txn *badger.Txn) error {
		return each(txn, prefix, func(key, row []byte) error {
			var r work.Reputation
			if err := decodeRow(row, &r); err != nil {
				return err
			}
			if r.Wrong > 0 && len(bees) < maxCaught {
				bees = append(bees, peer.ID(key[len(prefix):]))
			}
			return nil
		})
	})
	return bees, err
}

func (p *project) status(bees int) Status {
	r := &p.row
	s := Status{
		Project: r.Project, State: r.State, Sealed: r.Sealed, Made: r.Made,
		Valid: r.Ended[0], Failed: r.Ended[1], Cancelled: r.Ended[2],
		Open: len(p.open), Waiting: len(p.needy), Bees: bees, Begun: r.Begun, Checks: r.Checks,
	}
	for _, lack := range p.declined {
		if s.Declined == nil {
			s.Declined = map[string]int{}
		}
		s.Declined[lack]++
	}
	for _, g := range p.open {
		for i := range g.Attempts {
			if g.Attempts[i].Active() {
				s.Active++
			}
		}
	}
	return s
}
