package hive_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
	"github.com/batchain/batchain/work/worktest"
)

var inline = work.Wish{Slots: 1, Kinds: []work.Kind{work.Inline}, Names: []string{"f"}, Parallel: 40}

func terms(name string, policy work.Policy) work.Project {
	return work.Project{Name: name, Program: work.Program{Kind: work.Inline, Name: "f"}, Policy: policy}
}

// once believes whoever answers first.
var once = work.Policy{Rule: work.Quorum, Quorum: 1}

func member(n int) work.Member { return work.Member{Peer: worktest.Peer(100 + n)} }

// fixture is a hive with a project and bees that are admitted.
type fixture struct {
	*hive.Hive
	testing.TB
	now *clock
}

// clock is set by hand.
type clock struct{ at chan time.Time }

func newClock() *clock {
	c := &clock{make(chan time.Time, 1)}
	c.at <- time.Unix(1_700_000_000, 0)
	return c
}

func (c *clock) now() time.Time {
	at := <-c.at
	c.at <- at
	return at
}

func (c *clock) pass(d time.Duration) { c.at <- (<-c.at).Add(d) }

func open(t testing.TB, p work.Project, units int, change func(*hive.Config)) fixture {
	t.Helper()
	f := fixture{TB: t, now: newClock()}
	f.Hive = worktest.Hive(t, func(cfg *hive.Config) {
		cfg.Now = f.now.now
		if change != nil {
			change(cfg)
		}
	})
	f.must(f.Create(t.Context(), p))
	for i := range units {
		_, err := f.Add(t.Context(), p.Name, work.Unit{Input: fmt.Append(nil, i)})
		f.must(err)
	}
	for n := range 10 {
		f.must(f.Register(t.Context(), member(n)))
	}
	return f
}

func (f fixture) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// take gets one task for bee n.
func (f fixture) take(n int) work.Task {
	f.Helper()
	batch, err := f.Request(f.Context(), member(n), inline)
	f.must(err)
	if len(batch.Tasks) != 1 {
		f.Fatalf("bee %d got %d tasks", n, len(batch.Tasks))
	}
	return batch.Tasks[0]
}

// nothing checks that there is no task for bee n.
func (f fixture) nothing(n int) {
	f.Helper()
	batch, err := f.Request(f.Context(), member(n), inline)
	f.must(err)
	if len(batch.Tasks) > 0 || batch.Retry <= 0 {
		f.Fatalf("bee %d got %d tasks, and may ask again in %v", n, len(batch.Tasks), batch.Retry)
	}
}

// give hands in one result and returns the verdict.
func (f fixture) give(n int, t work.Task, output string) error {
	f.Helper()
	verdicts, err := f.Submit(f.Context(), member(n), []work.Result{{Token: t.Token, Status: work.Done, Output: []byte(output)}})
	f.must(err)
	return verdicts[0]
}

// chunks returns the datachunks that are there, in order.
func (f fixture) chunks(name string, n int) (all []work.Datachunk) {
	f.Helper()
	ctx, cancel := context.WithTimeout(f.Context(), 20*time.Second)
	defer cancel()
	if n == 0 {
		return nil
	}
	for c, err := range f.Datachunks(ctx, name, 0) {
		f.must(err)
		if all = append(all, c); len(all) == n {
			break
		}
	}
	return all
}

func TestResultBecomesDatachunk(t *testing.T) {
	f := open(t, terms("p", once), 2, nil)
	second := f.take(1)
	if string(second.Input) != "0" || second.Lease != time.Minute {
		t.Errorf("%+v", second)
	}
	first := f.take(2)
	f.must(f.give(2, first, "one"))
	f.must(f.give(1, second, "zero"))
	got := f.chunks("p", 2)
	for i, want := range []string{"zero", "one"} {
		if c := got[i]; string(c.Output) != want || c.Seq != uint64(i) || c.State != work.Valid || len(c.Bees) != 1 {
			t.Errorf("datachunk %d: %+v", i, c)
		}
	}
	f.must(f.Seal(t.Context(), "p"))
	if s, err := f.Show(t.Context(), "p"); err != nil || s.State != hive.Finished || s.Valid != 2 {
		t.Errorf("%+v, %v", s, err)
	}
}

// Everything that may be wrong with a submission.
func TestBadSubmissions(t *testing.T) {
	f := open(t, terms("p", work.Policy{Rule: work.Quorum, Quorum: 2}), 1, nil)
	task := f.take(1)
	other := f.take(2)
	forged := task
	forged.Token[3]++
	if err := f.give(1, forged, "x"); err != work.ErrNotAssigned {
		t.Errorf("a forged token: %v", err)
	}
	if err := f.give(3, task, "x"); err != work.ErrNotAssigned {
		t.Errorf("another bee's token: %v", err)
	}
	if err := f.give(1, work.Task{}, "x"); err != work.ErrNotAssigned {
		t.Errorf("no token: %v", err)
	}
	verdicts, err := f.Submit(t.Context(), member(1), []work.Result{{Token: task.Token, Status: 9}})
	if err != nil || !errors.Is(verdicts[0], wire.ErrBadRequest) {
		t.Errorf("an unknown status: %v, %v", verdicts, err)
	}
	if _, err := f.Submit(t.Context(), member(1), nil); err != work.ErrNoData {
		t.Errorf("nothing: %v", err)
	}
	if _, err := f.Submit(t.Context(), member(1), make([]work.Result, work.MaxTasks+1)); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("too many: %v", err)
	}
	if _, err := f.Submit(t.Context(), member(50), []work.Result{{Token: task.Token, Status: work.Done}}); err != work.ErrNotVerified {
		t.Errorf("a bee that nobody knows: %v", err)
	}
	f.must(f.give(1, task, "x"))
	f.must(f.give(1, task, "x")) // doubled
	if err := f.give(1, task, "y"); err != work.ErrResultChanged {
		t.Errorf("changed: %v", err)
	}
	f.must(f.give(2, other, "x"))
	if err := f.give(1, task, "x"); err != work.ErrLate {
		t.Errorf("after the unit has ended: %v", err)
	}
	if c := f.chunks("p", 1)[0]; string(c.Output) != "x" || len(c.Bees) != 2 {
		t.Errorf("%+v", c)
	}
}

func TestTooLargeResultIsRejected(t *testing.T) {
	p := terms("p", once)
	p.Program.Limits.Output = 10
	f := open(t, p, 1, nil)
	if err := f.give(1, f.take(1), "more than ten bytes"); !errors.Is(err, wire.ErrTooBig) {
		t.Errorf("%v", err)
	}
	f.must(f.give(2, f.take(2), "ten bytes "))
}

func TestPauseAndResume(t *testing.T) {
	f := open(t, terms("p", once), 2, nil)
	task := f.take(1)
	f.must(f.Pause(t.Context(), "p"))
	f.nothing(2)
	orders, err := f.Beat(t.Context(), member(1), []work.Beat{{Token: task.Token}})
	if err != nil || orders[0] != work.Pause {
		t.Errorf("%v, %v", orders, err)
	}
	f.must(f.give(1, task, "x"))
	f.must(f.Resume(t.Context(), "p"))
	f.take(2)
}

func TestCancel(t *testing.T) {
	f := open(t, terms("p", once), 3, nil)
	task := f.take(1)
	f.must(f.give(2, f.take(2), "one"))
	f.must(f.CancelUnit(t.Context(), "p", 2))
	if err := f.CancelUnit(t.Context(), "p", 2); !errors.Is(err, work.ErrDatabaseNotFound) {
		t.Errorf("cancelled twice: %v", err)
	}
	f.nothing(3)
	f.must(f.CancelUnit(t.Context(), "p", 0))
	if err := f.give(1, task, "x"); err != work.ErrLate {
		t.Errorf("a result of a cancelled unit: %v", err)
	}
	var states []work.GroupState
	for _, c := range f.chunks("p", 3) {
		states = append(states, c.State)
	}
	if want := []work.GroupState{work.Cancelled, work.Valid, work.Cancelled}; !slices.Equal(states, want) {
		t.Errorf("%v, want %v", states, want)
	}
	_, err := f.Add(t.Context(), "p", work.Unit{}, work.Unit{})
	f.must(err)
	last := f.take(1)
	f.must(f.Cancel(t.Context(), "p"))
	if err := f.give(1, last, "x"); err != work.ErrLate {
		t.Errorf("a result of a cancelled project: %v", err)
	}
	f.nothing(1)
	if _, err := f.Add(t.Context(), "p", work.Unit{}); err == nil {
		t.Error("a cancelled project takes units")
	}
	if err := f.Resume(t.Context(), "p"); err == nil {
		t.Error("a cancelled project goes on")
	}
	var seqs []uint64
	for c, err := range f.Datachunks(t.Context(), "p", 0) { // it ends, and waits for nothing
		f.must(err)
		seqs = append(seqs, c.Seq)
	}
	if want := []uint64{0, 1, 2, 3}; !slices.Equal(seqs, want) {
		t.Errorf("datachunks of units %v, want %v: those that were begun or cancelled", seqs, want)
	}
	f.must(f.Serve(t.Context(), "p", hive.Handlers{}))
}

func TestSameKeyIsOneUnit(t *testing.T) {
	f := open(t, terms("p", once), 0, nil)
	for i, want := range []int{2, 1, 0} {
		units := []work.Unit{{Key: "a"}, {Key: fmt.Sprint("b", min(i, 1))}}
		if added, err := f.Add(t.Context(), "p", units...); added != want || err != nil {
			t.Errorf("call %d added %d, want %d; %v", i, added, want, err)
		}
	}
}

func TestAcknowledge(t *testing.T) {
	f := open(t, terms("p", once), 2, nil)
	ctx := t.Context()
	f.must(f.give(1, f.take(1), "x"))
	f.must(f.Acknowledge(ctx, "p", "", 1))
	f.must(f.Acknowledge(ctx, "p", "", 0)) // never back
	f.must(f.Acknowledge(ctx, "p", "other", 2))
	for consumer, want := range map[string]uint64{"": 1, "other": 2, "none": 0} {
		if got, err := f.Cursor(ctx, "p", consumer); got != want || err != nil {
			t.Errorf("%q is at %d, want %d; %v", consumer, got, want, err)
		}
	}
	if err := f.Acknowledge(ctx, "p", "", 3); err == nil {
		t.Error("more was acknowledged than there is")
	}
	if _, err := f.Cursor(ctx, "q", ""); !errors.Is(err, work.ErrDatabaseNotFound) {
		t.Errorf("of no project: %v", err)
	}
}

func TestEventsAreInOrderAndStay(t *testing.T) {
	f := open(t, terms("p", once), 1, nil)
	f.must(f.give(1, f.take(1), "x"))
	f.must(f.Seal(t.Context(), "p"))
	var kinds []hive.EventKind
	for e, err := range f.Events(t.Context(), 0) {
		f.must(err)
		if e.Number != uint64(len(kinds)) {
			t.Errorf("event %d comes as number %d", len(kinds), e.Number)
		}
		kinds = append(kinds, e.Kind)
		if e.Kind == hive.ProjectFinished {
			break
		}
	}
	if want := []hive.EventKind{hive.UnitValid, hive.ProjectFinished}; !slices.Equal(kinds[len(kinds)-2:], want) {
		t.Errorf("%v at the end, want %v", kinds, want)
	}
}

// Admission: by proof, by list, not at all.
func TestAdmission(t *testing.T) {
	listed, denied, stranger := member(11), member(12), member(13)
	ctx := t.Context()
	hello := func(h *hive.Hive, m work.Member) (bool, *work.Challenge, error) {
		until, challenge, err := h.Hello(ctx, m)
		return until > 0, challenge, err
	}
	h := worktest.Hive(t, func(cfg *hive.Config) {
		cfg.Strength, cfg.Allow, cfg.Deny = 8, []peer.ID{listed.Peer}, []peer.ID{denied.Peer}
	})
	if in, _, err := hello(h, listed); !in || err != nil {
		t.Errorf("a listed bee: %v, %v", in, err)
	}
	if _, _, err := hello(h, denied); err != work.ErrRegistrationClosed {
		t.Errorf("a denied bee: %v", err)
	}
	_, challenge, err := hello(h, stranger)
	if err != nil || challenge == nil || challenge.Strength != 8 {
		t.Fatalf("a stranger: %v, %v", challenge, err)
	}
	if _, err := h.Request(ctx, stranger, inline); err != work.ErrNotVerified {
		t.Errorf("before the proof: %v", err)
	}
	proof, err := challenge.Solve(ctx, worktest.Peer(0), stranger.Peer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := h.Prove(ctx, listed, proof); !errors.Is(err, work.ErrProofOfWork) {
		t.Errorf("another's proof: %v", err)
	}
	if until, err := h.Prove(ctx, stranger, proof); until == 0 || err != nil {
		t.Errorf("the proof: %v, %v", until, err)
	}
	if _, err := h.Prove(ctx, stranger, proof); !errors.Is(err, work.ErrProofOfWork) {
		t.Errorf("the proof again: %v", err)
	}
	if in, _, err := hello(h, stranger); !in || err != nil {
		t.Errorf("once admitted: %v, %v", in, err)
	}
	if _, err := h.Request(ctx, stranger, inline); err != nil {
		t.Errorf("once admitted: %v", err)
	}
	closed := worktest.Hive(t, func(cfg *hive.Config) { cfg.Closed, cfg.Allow = true, []peer.ID{listed.Peer} })
	if in, _, err := hello(closed, listed); !in || err != nil {
		t.Errorf("a listed bee at a closed hive: %v, %v", in, err)
	}
	if _, _, err := hello(closed, stranger); err != work.ErrRegistrationClosed {
		t.Errorf("a stranger at a closed hive: %v", err)
	}
	if _, err := closed.Prove(ctx, stranger, proof); err != work.ErrRegistrationClosed {
		t.Errorf("a stranger's proof at a closed hive: %v", err)
	}
}

func TestTicketEndsAndWorkRenewsIt(t *testing.T) {
	f := open(t, terms("p", once), 9, nil)
	week := 7 * 24 * time.Hour
	f.now.pass(week - time.Hour)
	f.must(f.give(1, f.take(1), "x"))
	f.now.pass(2 * time.Hour)
	f.take(1)
	if _, err := f.Request(t.Context(), member(2), inline); err != work.ErrNotVerified {
		t.Errorf("an old ticket of a bee that did nothing: %v", err)
	}
}

// A cheat is caught by a vote; its other answers count no more, and it gets no
// work.
func TestCaughtBeeIsOut(t *testing.T) {
	f := open(t, terms("p", work.Policy{Checks: -1}), 2, nil)
	first := f.take(1) // unit 0
	f.must(f.give(1, first, "wrong"))
	honest := f.take(2) // unit 0
	f.must(f.give(2, honest, "right"))
	second := f.take(1) // unit 1
	f.must(f.give(1, second, "wrong, too"))
	third := f.take(3) // unit 0
	f.must(f.give(3, third, "right"))
	f.must(f.give(4, f.take(4), "right")) // unit 0: three against one
	if c := f.chunks("p", 1)[0]; string(c.Output) != "right" {
		t.Fatalf("%+v", c)
	}
	f.nothing(1)
	f.must(f.give(2, f.take(2), "fine")) // unit 1
	f.must(f.give(3, f.take(3), "fine"))
	if c := f.chunks("p", 2)[1]; string(c.Output) != "fine" || len(c.Bees) != 2 {
		t.Errorf("%+v", c)
	}
	f.now.pass(15 * 24 * time.Hour) // it was wrong twice
	f.must(f.Register(t.Context(), member(1)))
	_, err := f.Add(t.Context(), "p", work.Unit{})
	f.must(err)
	f.take(1)
}
