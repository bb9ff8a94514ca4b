package hive_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
)

// newHerd is bees of which the first ones cheat, all of which have asked once and are here.
func newHerd(t *testing.T, policy work.Policy, units, bees, cheats int) *herd {
	h := &herd{open(t, terms("p", policy), 0, nil), make([][]work.Task, bees), cheats}
	h.add(units)
	h.come(0, bees)
	h.now.pass(2 * time.Second) // they are no more than they were
	return h
}

// come has bees ask, and take nothing.
func (h *herd) come(from, to int) {
	h.Helper()
	for n := from; n < to; n++ {
		h.must(h.Register(h.Context(), member(n)))
		wish := inline
		wish.Slots = 0
		_, err := h.Request(h.Context(), member(n), wish)
		h.must(err)
	}
}

// Cheats, all with the same lies, answer at once and ask at once, while others
// compute. They get hardly a lie believed, and have nobody exiled, as chance chooses who joins whom, nobody
// begins much that others have not answered, who agreed only with few has no weight, and who is contradicted is
// not believed until it is known who was right. More than are expected get more believed, but do not take the
// others' place: neither all is wrong, nor does it stand still as the honest ones are in exile.
func TestFastCheatsAreNotBelieved(t *testing.T) {
	for _, test := range []struct{ bees, cheats, wrong int }{{30, 3, 9}, {20, 5, 150}} {
		t.Run(fmt.Sprintf("%d of %d", test.cheats, test.bees), func(t *testing.T) {
			const units = 300
			h := newHerd(t, work.Policy{}, units, test.bees, test.cheats)
			for turns := 0; !h.over(); turns++ {
				if h.fast(test.cheats); turns > 1000 {
					t.Fatal("it stands still")
				}
			}
			wrong := 0
			for _, c := range h.chunks("p", units) {
				if string(c.Output) != "x" {
					wrong++
				}
			}
			s, err := h.Show(t.Context(), "p")
			h.must(err)
			t.Logf("%d of %d wrong, %.2f executions a unit", wrong, units, float64(s.Begun)/units)
			if wrong > test.wrong || s.Begun > 4*units {
				t.Errorf("%d of %d wrong, %d executions", wrong, units, s.Begun)
			}
		})
	}
}

// fast has the first bees answer and ask twenty times, all others once, and time pass.
func (h *herd) fast(cheats int) {
	h.Helper()
	for range 20 {
		for n := range cheats {
			h.answer(n)
			h.ask(n, 16)
		}
	}
	for n := cheats; n < len(h.held); n++ {
		h.answer(n)
		h.ask(n, 2)
	}
	h.now.pass(200 * time.Millisecond)
}

// In a crowd chance says who joins a new bee's unit: who asks first, and often, gets no more of them than
// others. Once the invited bee has let its time go by, or has gone, it is the turn of another one.
func TestChanceInvites(t *testing.T) {
	h := newHerd(t, work.Policy{Checks: -1}, 40, 30, 0)
	for n := range 20 {
		h.ask(n, 2)
		h.answer(n)
	}
	if h.ask(29, 16); len(h.held[29]) > 8 {
		t.Errorf("who asked first joined %d of 40", len(h.held[29]))
	}
	h.now.pass(10 * time.Minute) // all have gone
	if h.ask(28, 16); len(h.held[28]) < 2 {
		t.Errorf("who comes when all others have gone got %d", len(h.held[28]))
	}
}

// A new bee in a crowd begins two units, and one more for each other bee that it has agreed with.
func TestNewBeesBeginLittle(t *testing.T) {
	h := newHerd(t, work.Policy{Checks: -1}, 40, 30, 0)
	if h.ask(0, 16); len(h.held[0]) != 2 {
		t.Fatalf("it began %d", len(h.held[0]))
	}
	h.answer(0)
	if h.ask(0, 16); len(h.held[0]) != 0 {
		t.Fatalf("it began %d more that nobody has answered", len(h.held[0]))
	}
	for n := 1; n < 30; n++ {
		h.ask(n, 1)
		h.answer(n)
	}
	if h.ask(0, 16); len(h.held[0]) < 2 {
		t.Errorf("when others had agreed it got %d", len(h.held[0]))
	}
}

// What is here first is not believed by itself while others come.
func TestCrowdSettlesFirst(t *testing.T) {
	h := newHerd(t, work.Policy{Checks: -1}, 4, 12, 0)
	h.come(12, 50)
	for range 3 {
		for n := range h.held {
			h.answer(n)
			h.ask(n, 4)
		}
	}
	if s, err := h.Show(t.Context(), "p"); err != nil || s.Valid != 0 {
		t.Errorf("%d units are valid while the crowd grows, %v", s.Valid, err)
	}
	for range 40 {
		h.now.pass(2 * time.Second)
		h.round()
	}
	if !h.over() {
		t.Error("they are not valid once it has settled")
	}
}

// Whatever a bee does with its tasks, spot checks behave as units do.
func TestSpotChecksLookLikeUnits(t *testing.T) {
	f := open(t, terms("p", work.Policy{Checks: 0.5, Threshold: 0.97}), 0, nil)
	do := func(n int) {
		for tasks := f.many(n, 16); len(tasks) > 0; tasks = f.many(n, 16) {
			f.all(n, tasks)
		}
	}
	for round := range 20 {
		f.add(2)
		do(1)
		do(2 + round%3)
	}
	f.add(200)
	held := f.many(9, 16) // a new one gets as many as a new one may have
	s, err := f.Show(t.Context(), "p")
	f.must(err)
	if len(held) != 16 || s.Checks == 0 {
		t.Fatalf("%d tasks, %d spot checks", len(held), s.Checks)
	}
	if _, err := f.Request(t.Context(), member(9), inline); err != work.ErrPendingWork {
		t.Errorf("with all that it may have it is told %v: spot checks are not counted", err)
	}
	wish := inline
	wish.Slots, wish.Resume = 16, true
	again, err := f.Request(t.Context(), member(9), wish)
	f.must(err)
	if !slices.Equal(inputs(again.Tasks), inputs(held)) {
		t.Errorf("it had %q, and got again %q", inputs(held), inputs(again.Tasks))
	}
	for _, task := range held {
		_, err := f.Submit(t.Context(), member(9), []work.Result{{Token: task.Token, Status: work.GivenUp}})
		f.must(err)
	}
	for _, task := range f.many(9, 16) {
		if slices.Contains(inputs(held), string(task.Input)) {
			t.Errorf("%q came again after it was given back", task.Input)
		}
	}
}
