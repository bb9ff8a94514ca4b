package hive_test

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
	"github.com/batchain/batchain/work/worktest"
)

// An input that other languages take for nothing is a unit like any other, and so is
// an output.
func TestNothingIsAUnitToo(t *testing.T) {
	f := open(t, terms("p", once), 0, nil)
	inputs := []string{"", "0", "null", "false", `""`, "\x00"}
	for _, input := range inputs {
		_, err := f.Add(t.Context(), "p", work.Unit{Input: []byte(input)})
		f.must(err)
	}
	for range inputs {
		task := f.take(1)
		f.must(f.give(1, task, string(task.Input)))
	}
	for i, c := range f.chunks("p", len(inputs)) {
		if c.State != work.Valid || string(c.Output) != inputs[i] {
			t.Errorf("%q came to %v, %q", inputs[i], c.State, c.Output)
		}
	}
}

// A workgroup gets as many bees as it asks for, and not one more.
func TestGroupIsNoLargerThanItIs(t *testing.T) {
	for _, policy := range []work.Policy{{Rule: work.Equal, GroupMax: 3}, {Rule: work.Quorum, Quorum: 3}, {Rule: work.Mean, GroupMax: 3}} {
		f := open(t, terms("p", policy), 1, nil)
		tasks := []work.Task{f.take(0), f.take(1), f.take(2)}
		for n := 3; n < 10; n++ {
			f.nothing(n)
		}
		for n, task := range tasks {
			f.must(f.give(n, task, "7"))
		}
		if c := f.chunks("p", 1)[0]; c.Attempts != 3 || string(c.Output) != "7" {
			t.Errorf("rule %d: %+v", policy.Rule, c)
		}
		f.nothing(9)
	}
}

// Fuel belongs to the answer, so nobody can claim more of it than the program takes;
// unless the project says that it does not count.
func TestFuelIsPartOfTheAnswer(t *testing.T) {
	for _, loose := range []bool{false, true} {
		f := open(t, terms("p", work.Policy{Rule: work.Quorum, Quorum: 2, Loose: loose}), 1, nil)
		for n, fuel := range []uint64{7, 8} {
			task := f.take(n)
			verdicts, err := f.Submit(t.Context(), member(n), []work.Result{{Token: task.Token, Status: work.Done, Output: []byte("x"), Fuel: fuel}})
			f.must(errors.Join(err, verdicts[0]))
		}
		if s, err := f.Show(t.Context(), "p"); err != nil || (s.Valid == 1) != loose {
			t.Errorf("loose %v: %d valid, %v", loose, s.Valid, err)
		}
	}
}

// A bee whose owner gives less than a unit may use gets none, and the project is told why:
// that is no attempt and no fault of anybody. Once he gives more it gets one.
func TestOwnersGiveWhatTheyGive(t *testing.T) {
	p := terms("p", once)
	p.Program.Limits = work.Limits{Memory: 2 << 30, Wall: time.Hour}
	f := open(t, p, 1, nil)
	for n, wish := range []work.Wish{{Memory: 1 << 30}, {Memory: 1 << 30, Wall: time.Second}, {Memory: 2 << 30, Wall: time.Minute}} {
		wish.Slots, wish.Kinds, wish.Names = 1, inline.Kinds, inline.Names
		for range 40 { // more often than a unit may be tried
			batch, err := f.Request(t.Context(), member(n), wish)
			f.must(err)
			if len(batch.Tasks) > 0 {
				t.Fatalf("bee %d got a task", n)
			}
		}
	}
	want := map[string]int{"a unit may use 2048 MiB of memory": 2, "a unit may take 1h0m0s": 1}
	if s, err := f.Show(t.Context(), "p"); err != nil || !maps.Equal(s.Declined, want) || s.Begun != 0 || s.Failed != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	if _, err := f.Request(t.Context(), member(3), work.Wish{Slots: 1, Kinds: []work.Kind{work.WASM}}); err != nil {
		t.Fatal(err)
	}
	if s, err := f.Show(t.Context(), "p"); err != nil || s.Declined["a unit needs the command "+p.Program.Name] != 1 || s.Bees != 0 {
		t.Errorf("%+v, %v", s, err)
	}
	f.must(f.give(0, f.take(0), "x")) // it says of no bound any more
	if s, err := f.Show(t.Context(), "p"); err != nil || s.Valid != 1 || s.Declined["a unit may use 2048 MiB of memory"] != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Results that come before their time, from elsewhere, or of what is over.
func TestResultsThatBelongNowhere(t *testing.T) {
	f, other := open(t, terms("p", once), 2, nil), open(t, terms("p", once), 1, nil)
	if err := f.give(1, other.take(1), "x"); err != work.ErrNotAssigned {
		t.Errorf("a task of another hive: %v", err)
	}
	stranger, result := member(77), []work.Result{{Status: work.Done}}
	if _, err := f.Submit(t.Context(), stranger, result); err != work.ErrNotVerified {
		t.Errorf("before it is admitted: %v", err)
	}
	if _, err := f.Beat(t.Context(), stranger, make([]work.Beat, 1)); err != work.ErrNotVerified {
		t.Errorf("a heartbeat before it is admitted: %v", err)
	}
	if err := f.give(2, work.Task{}, "x"); err != work.ErrNotAssigned {
		t.Errorf("before it has a task: %v", err)
	}
	for i := range 16 { // tokens that nobody was given
		var made work.Token
		made[i]++
		if err := f.give(1, work.Task{Token: made}, "x"); err != work.ErrNotAssigned {
			t.Errorf("token %x: %v", made, err)
		}
	}
	orders, err := f.Beat(t.Context(), member(1), make([]work.Beat, 1))
	if err != nil || orders[0] != work.Stop {
		t.Errorf("a heartbeat of what it never had: %v, %v", orders, err)
	}
	mine := f.take(1)
	orders, err = f.Beat(t.Context(), member(2), []work.Beat{{Token: mine.Token}})
	if err != nil || orders[0] != work.Stop {
		t.Errorf("a heartbeat for somebody else: %v, %v", orders, err)
	}
	f.must(f.give(1, mine, "x"))
	if s, err := f.Show(t.Context(), "p"); err != nil || s.Valid != 1 || s.Failed != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Without proof of work everybody may come but who is on the list of those who may not.
func TestOpenDoor(t *testing.T) {
	h := worktest.Hive(t, func(cfg *hive.Config) { cfg.Strength, cfg.Deny = -1, []peer.ID{member(2).Peer} })
	if until, challenge, err := h.Hello(t.Context(), member(1)); until == 0 || challenge != nil || err != nil {
		t.Errorf("%d, %v, %v", until, challenge, err)
	}
	if _, _, err := h.Hello(t.Context(), member(2)); err != work.ErrRegistrationClosed {
		t.Errorf("who is on the list: %v", err)
	}
	for _, m := range []work.Member{{}, {Peer: "no peer"}, {Peer: member(1).Peer, Owner: make([]byte, 33)}} {
		if _, _, err := h.Hello(t.Context(), m); err != work.ErrInvalidKey {
			t.Errorf("%q: %v", m.Peer, err)
		}
	}
}

// When a hive ends, who waits for it is told so at once.
func TestEndWakesEverybody(t *testing.T) {
	h, err := hive.Open(hive.Config{Dir: t.TempDir(), Self: worktest.Peer(0), Strength: -1})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	stop := worktest.Run(t, h.Run)
	if err := errors.Join(h.Create(ctx, terms("p", once)), h.Register(ctx, member(1))); err != nil {
		t.Fatal(err)
	}
	waiting := make(chan error, 4)
	go func() {
		wish := inline
		wish.Wait = work.MaxWait
		_, err := h.Request(ctx, member(1), wish)
		waiting <- err
	}()
	go func() { waiting <- h.Serve(ctx, "p", hive.Handlers{}) }()
	go func() {
		for _, err := range h.Datachunks(ctx, "p", 0) {
			waiting <- err
		}
	}()
	go func() {
		for e, err := range h.Events(ctx, 0) {
			if err != nil {
				waiting <- err
			} else if e.Kind != hive.BeeRegistered {
				t.Errorf("event %v", e.Kind)
			}
		}
	}()
	stop()
	for range cap(waiting) {
		select {
		case err := <-waiting:
			if !errors.Is(err, hive.ErrStopped) {
				t.Errorf("%v", err)
			}
		case <-ctx.Done():
			t.Fatal("somebody waits still")
		}
	}
}
