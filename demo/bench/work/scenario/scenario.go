package scenario

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/batchain/batchain/demo/bench/work/participant"
	"github.com/batchain/batchain/demo/bench/work/unit"
)

// Scenario is one thing that is looked at.
type Scenario struct {
	Name  string
	Title string // of its table
	Play  func(ctx context.Context, s participant.System, in Stage) (Values, error)
	Tries int // how often it is played at most; 0: as often as others
	// Systems are its own, when it does not play those of package participant.
	Systems []participant.System
	// Not names systems that it is not for.
	Not []string
}

// Has reports whether a system takes part.
func (sc Scenario) Has(s participant.System) bool {
	return !slices.Contains(sc.Not, s.Name) && (len(s.Only) == 0 || slices.Contains(s.Only, sc.Name))
}

// Stage is where scenarios are played.
type Stage struct {
	Dir   string // for temporary folders
	Unit  string // the program that does one unit
	Short bool
}

// lease is what a dead worker's units wait for where that can be chosen.
const lease = 5 * time.Second

// with starts a system in a folder of its own, has play use it, and ends it.
func (in Stage) with(ctx context.Context, s participant.System, play func(q participant.Queue, dir string) error) error {
	dir, err := os.MkdirTemp(in.Dir, "system-") // a name without blanks: Work Queue cannot have them
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(dir) }()
	place := participant.Place{Dir: filepath.Join(dir, "queue"), Unit: in.Unit, Lease: lease}
	if err := os.Mkdir(place.Dir, 0o700); err != nil {
		return err
	}
	q, err := s.Start(ctx, place)
	if err != nil {
		return err
	}
	return errors.Join(play(q, dir), q.Close())
}

// inputs returns units from a number on.
func inputs(from, n, rounds int) [][]byte {
	list := make([][]byte, n)
	for i := range list {
		list[i] = unit.Input(uint64(from+i), rounds)
	}
	return list
}

// batch is how many units are added by one call.
const batch = 2000

// add adds units from a number on.
func add(ctx context.Context, q participant.Queue, from, n, rounds int) error {
	for first := from; first < from+n; first += batch {
		if err := q.Add(ctx, inputs(first, min(batch, from+n-first), rounds)); err != nil {
			return err
		}
	}
	return nil
}

// taken is what has come of the units.
type taken struct {
	rounds       int
	seen         map[uint64]int // outputs of a unit
	again, wrong int
	sample       [][]byte // outputs of long units that are to be checked
}

func newTaken(rounds int) *taken {
	return &taken{rounds: rounds, seen: map[uint64]int{}}
}

// take takes outputs until there are n units.
func (t *taken) take(ctx context.Context, q participant.Queue, n int) error {
	for len(t.seen) < n {
		outputs, err := q.Take(ctx)
		if err != nil {
			return fmt.Errorf("after %d of %d outputs: %w", len(t.seen), n, err)
		}
		if err := t.note(outputs); err != nil {
			return err
		}
	}
	return nil
}

func (t *taken) note(outputs [][]byte) error {
	for _, output := range outputs {
		number, err := unit.Number(output)
		if err != nil {
			return fmt.Errorf("output %.60q: %w", output, err)
		}
		if t.seen[number]++; t.seen[number] > 1 {
			t.again++
			continue
		}
		if t.rounds > 1 { // they are computed again afterwards, and not all
			if number%16 == 0 {
				t.sample = append(t.sample, output)
			}
			continue
		}
		if err := t.check(number, output); err != nil {
			return err
		}
	}
	return nil
}

func (t *taken) check(number uint64, output []byte) error {
	right, err := unit.Do(unit.Input(number, t.rounds))
	if err == nil && string(right) != string(output) {
		t.wrong++
	}
	return err
}

// honest returns an error unless all outputs are right and came once.
func (t *taken) honest() error {
	for _, output := range t.sample {
		number, err := unit.Number(output)
		if err != nil {
			return err
		}
		if err := t.check(number, output); err != nil {
			return err
		}
	}
	if t.wrong > 0 || t.again > 0 {
		return fmt.Errorf("%d outputs were wrong, %d came again, though nothing happened", t.wrong, t.again)
	}
	return nil
}
