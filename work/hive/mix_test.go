package hive_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/batchain/batchain/work"
)

// many gets tasks for bee n, as many as there are for it up to slots.
func (f fixture) many(n, slots int) []work.Task {
	f.Helper()
	wish := inline
	wish.Slots = uint16(slots)
	batch, err := f.Request(f.Context(), member(n), wish)
	f.must(err)
	return batch.Tasks
}

// all hands in the same result for some tasks.
func (f fixture) all(n int, tasks []work.Task) {
	f.Helper()
	for _, task := range tasks {
		f.must(f.give(n, task, "x"))
	}
}

func inputs(tasks []work.Task) (all []string) {
	for _, task := range tasks {
		all = append(all, string(task.Input))
	}
	slices.Sort(all)
	return all
}

// A new bee is at two units at a time with each other one, also within one batch; the rest
// of what it gets nobody has begun. What it has answered makes room at once. Bees that
// are believed alone, and rules without reputations, know no such bound.
func TestNewBeesShareLittle(t *testing.T) {
	f := open(t, terms("p", work.Policy{Checks: -1}), 8, nil)
	f.all(1, f.many(1, 4))
	second := f.many(2, 8)
	if got := inputs(second); len(got) != 6 || got[2] != "4" {
		t.Fatalf("the second got %q, want 2 of 0 to 3, and 4 to 7", got)
	}
	if _, err := f.Request(t.Context(), member(2), inline); err != work.ErrPendingWork {
		t.Errorf("one more: %v", err)
	}
	f.all(2, second)
	if more := f.many(2, 8); len(more) != 2 {
		t.Errorf("once it has answered those, it got %q", inputs(more))
	}
	if third := f.many(3, 8); len(third) != 2 {
		t.Errorf("the third got %q, want 2 of those that the second has done", inputs(third))
	}
	free := open(t, terms("p", work.Policy{Rule: work.Quorum, Quorum: 3}), 8, nil)
	free.all(1, free.many(1, 8))
	if got := free.many(2, 8); len(got) != 8 {
		t.Errorf("without reputations it got %q", inputs(got))
	}
}

// What a bee has answered, and what it gave back, keeps it from nothing: it waits for
// nobody but itself.
func TestNewBeesWaitForNobody(t *testing.T) {
	f := open(t, terms("p", work.Policy{Checks: -1}), 4, nil)
	f.all(1, f.many(1, 4))
	for _, task := range f.many(2, 4) { // two, which stay open: they do not agree
		f.must(f.give(2, task, "y"))
	}
	if more := f.many(2, 4); len(more) != 2 {
		t.Errorf("it got %q while others are asked about what it has answered", inputs(more))
	}
	alone := open(t, terms("p", work.Policy{Checks: -1}), 3, nil)
	tasks := alone.many(1, 3)
	_, err := alone.Submit(t.Context(), member(1), []work.Result{{Token: tasks[0].Token, Status: work.GivenUp}})
	alone.must(err)
	if again := alone.many(1, 3); len(again) != 1 {
		t.Errorf("what it gave back it got %d times", len(again))
	}
}

// A bee that much has been seen of is not held to that: it decides alone.
func TestOldBeesShareAll(t *testing.T) {
	f := open(t, terms("p", work.Policy{Checks: -1, Threshold: 0.97}), 0, nil)
	do := func(n int) {
		for tasks := f.many(n, 16); len(tasks) > 0; tasks = f.many(n, 16) {
			f.all(n, tasks)
		}
	}
	for round := range 12 {
		f.add(2)
		do(1)
		do(2 + round%2)
	}
	f.add(8)
	f.all(5, f.many(5, 8))
	if got := f.many(6, 8); len(got) != 2 {
		t.Errorf("a new bee got %q of what another new one has done", inputs(got))
	}
	if got := f.many(1, 8); len(got) != 6 { // the rest has two already
		t.Errorf("a bee that is believed alone got %q", inputs(got))
	}
}

// add makes units.
func (f fixture) add(n int) {
	f.Helper()
	units := make([]work.Unit, n)
	for i := range units {
		units[i].Input = fmt.Append(nil, i)
	}
	_, err := f.Add(f.Context(), "p", units...)
	f.must(err)
}

// Whatever bees there are, in whatever order they ask, with how many slots, and how late
// they answer: as long as a unit is open somebody has a task, or gets one, or is told to
// answer first. Nobody ever waits for news that nobody will make.
func TestNothingStandsStill(t *testing.T) {
	for seed := range uint64(16) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			r := rand.New(rand.NewPCG(seed, 0))
			bees, cheats := 2+r.IntN(5), 0
			if bees > 4 { // one cheat takes four others, see TestFirstCheatHoldsUpNobody
				cheats = r.IntN(2)
			}
			h := &herd{open(t, terms("p", work.Policy{}), 1+r.IntN(30), nil), make([][]work.Task, bees), cheats}
			for turns := 0; !h.over(); turns++ {
				for range 3 { // some in any order, and then all of them
					n := r.IntN(bees)
					if r.IntN(2) > 0 {
						h.answer(n)
					}
					h.ask(n, 1+r.IntN(20))
				}
				if !h.round() || turns > 1000 {
					t.Fatalf("%d bees, %d cheats: after %d turns nobody has or gets a task", bees, cheats, turns)
				}
			}
		})
	}
}

// herd is bees, of which the first ones cheat, and the tasks that each has.
type herd struct {
	fixture
	held   [][]work.Task
	cheats int
}

func (h *herd) over() bool {
	h.Helper()
	s, err := h.Show(h.Context(), "p")
	h.must(err)
	return s.Valid == s.Made
}

func (h *herd) answer(n int) {
	h.Helper()
	output := "x"
	if n < h.cheats {
		output = "lie"
	}
	for _, task := range h.held[n] {
		if err := h.give(n, task, output); err != nil && err != work.ErrLate {
			h.Fatal(err)
		}
	}
	h.held[n] = nil
}

func (h *herd) ask(n, slots int) {
	h.Helper()
	wish := inline
	wish.Slots = uint16(slots)
	batch, err := h.Request(h.Context(), member(n), wish)
	if err != nil && !errors.Is(err, work.ErrPendingWork) {
		h.Fatal(err)
	}
	h.held[n] = append(h.held[n], batch.Tasks...)
}

// round has each answer and ask, and reports whether that moved anything.
func (h *herd) round() (moved bool) {
	h.Helper()
	for n := range h.held {
		moved = moved || len(h.held[n]) > 0
		h.answer(n)
	}
	for n := range h.held {
		h.ask(n, 4)
		moved = moved || len(h.held[n]) > 0
	}
	return moved || h.over()
}
