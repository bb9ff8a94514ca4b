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

var inline = work.Wish{Slots: 1, Kinds: []work.Kind{work.Inline}, Names: []string{"f"}}

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

// A bee that vanishes costs a lease; its result counts when it comes after all.
func TestVanishedBee(t *testing.T) {
	f := open(t, terms("p", work.Policy{Rule: work.Quorum, Quorum: 2}), 1, nil)
	late, other := f.take(1), f.take(2)
	f.nothing(3)
	f.now.pass(61 * time.Second)
	third := f.take(3)
	f.must(f.give(1, late, "x"))
	f.must(f.give(3, third, "x"))
	if c := f.chunks("p", 1)[0]; string(c.Output) != "x" || c.Attempts != 3 {
		t.Errorf("%+v", c)
	}
	if err := f.give(2, other, "x"); err != work.ErrLate {
		t.Errorf("the one that is not needed: %v", err)
	}
	orders, err := f.Beat(t.Context(), member(2), []work.Beat{{Token: other.Token}})
	if err != nil || orders[0] != work.Stop {
		t.Errorf("it is told %v, %v", orders, err)
	}
}

func TestHeartbeatRenewsTheLease(t *testing.T) {
	f := open(t, terms("p", once), 1, nil)
	task := f.take(1)
	for range 5 {
		f.now.pass(40 * time.Second)
		orders, err := f.Beat(t.Context(), member(1), []work.Beat{{Token: task.Token, Progress: 500}})
		if err != nil || orders[0] != work.GoOn {
			t.Fatalf("%v, %v", orders, err)
		}
		f.nothing(2)
	}
	f.must(f.give(1, task, "x"))
}

func TestSilentLeaseEndsByItself(t *testing.T) {
	p := terms("p", once)
	p.Lease = 30 * time.Millisecond
	f := open(t, p, 1, func(cfg *hive.Config) { cfg.Now = nil })
	f.take(1)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	wish := inline
	wish.Wait = 15 * time.Second
	batch, err := f.Request(ctx, member(2), wish)
	if err != nil || len(batch.Tasks) != 1 {
		t.Errorf("nobody was woken when the lease ended: %v, %v", batch, err)
	}
}

func TestBeeThatStartsAgainGetsItsTasksBack(t *testing.T) {
	f := open(t, terms("p", once), 3, nil)
	had := []work.Token{f.take(1).Token, f.take(1).Token}
	wish := inline
	wish.Slots, wish.Resume = 3, true
	batch, err := f.Request(t.Context(), member(1), wish)
	if err != nil || len(batch.Tasks) != 3 {
		t.Fatalf("%d tasks, %v", len(batch.Tasks), err)
	}
	for _, token := range had {
		if !slices.ContainsFunc(batch.Tasks, func(t work.Task) bool { return t.Token == token }) {
			t.Error("a task was not given again")
		}
	}
}

func TestDistinctBees(t *testing.T) {
	f := open(t, terms("p", work.Policy{Rule: work.Quorum, Quorum: 9, Networks: 1}), 1, nil)
	near := []byte{10, 0, 0, 0, 24}
	request := func(m work.Member) int {
		t.Helper()
		f.must(f.Register(t.Context(), m))
		batch, err := f.Request(t.Context(), m, inline)
		f.must(err)
		return len(batch.Tasks)
	}
	tests := []struct {
		name string
		m    work.Member
		want int
	}{
		{"the first", work.Member{Peer: worktest.Peer(1), Owner: []byte("ann"), Network: near}, 1},
		{"the same once more", work.Member{Peer: worktest.Peer(1), Owner: []byte("ann"), Network: near}, 0},
		{"of the same owner", work.Member{Peer: worktest.Peer(2), Owner: []byte("ann")}, 0},
		{"of the same network", work.Member{Peer: worktest.Peer(3), Network: near}, 0},
		{"another", work.Member{Peer: worktest.Peer(4)}, 1},
		{"the hive's own", work.Member{Peer: worktest.Peer(0)}, 0},
	}
	for _, test := range tests {
		if got := request(test.m); got != test.want {
			t.Errorf("%s: %d tasks, want %d", test.name, got, test.want)
		}
	}
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

func TestPriority(t *testing.T) {
	f := open(t, terms("p", once), 1, nil)
	_, err := f.Add(t.Context(), "p", work.Unit{Input: []byte("high"), Priority: 5}, work.Unit{Input: []byte("highest"), Priority: 9})
	f.must(err)
	for _, want := range []string{"highest", "high", "0"} {
		if got := f.take(1); string(got.Input) != want {
			t.Errorf("got %q, want %q", got.Input, want)
		}
	}
}

func TestLowPriorityDoesNotStarve(t *testing.T) {
	f := open(t, terms("p", once), 1, nil)
	for range 3 {
		units := make([]work.Unit, 100)
		for i := range units {
			units[i] = work.Unit{Input: []byte("high"), Priority: 9}
		}
		_, err := f.Add(t.Context(), "p", units...)
		f.must(err)
	}
	for n := range 16 {
		task := f.take(1)
		f.must(f.give(1, task, "x"))
		if string(task.Input) == "0" {
			return
		}
		if n == 15 {
			t.Error("the oldest unit has not come in 16 tasks")
		}
	}
}

// Projects share the bees by their weights.
func TestFairSharing(t *testing.T) {
	p, q := terms("p", once), terms("q", once)
	q.Weight = 3
	f := open(t, p, 60, nil)
	f.must(f.Create(t.Context(), q))
	for i := range 60 {
		_, err := f.Add(t.Context(), "q", work.Unit{Input: fmt.Append(nil, "q", i)})
		f.must(err)
	}
	ofQ := 0
	for range 40 {
		task := f.take(1)
		if task.Input[0] == 'q' {
			ofQ++
		}
		f.must(f.give(1, task, "x"))
	}
	if ofQ < 28 || ofQ > 32 {
		t.Errorf("the project of weight 3 got %d of 40 tasks, want about 30", ofQ)
	}
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

// What takes far longer than others did is given to a second bee, once nothing
// else is left; one result suffices.
func TestStraggler(t *testing.T) {
	f := open(t, terms("p", once), 10, nil)
	slow := f.take(1)
	for range 9 {
		f.must(f.give(2, f.take(2), "x"))
	}
	f.nothing(2)
	f.now.pass(2 * time.Second)
	copied := f.take(2)
	f.nothing(3)
	f.must(f.give(2, copied, "x"))
	if err := f.give(1, slow, "x"); err != work.ErrLate {
		t.Errorf("the slow one: %v", err)
	}
}

// The last units are spread: no bee gets many at a time while others have none.
func TestLastUnitsAreSpread(t *testing.T) {
	f := open(t, terms("p", once), 26, nil)
	wish := inline
	wish.Slots = 40
	left := 26
	for k, want := range []int{13, 8, 5} {
		batch, err := f.Request(t.Context(), member(k), wish)
		f.must(err)
		if len(batch.Tasks) != want {
			t.Errorf("bee %d got %d of the last %d tasks, want %d", k, len(batch.Tasks), left, want)
		}
		left -= len(batch.Tasks)
	}
}

// A bee that has much in hand gets no more, one that errs less and less.
func TestQuota(t *testing.T) {
	f := open(t, terms("p", once), 40, nil)
	wish := inline
	wish.Slots = 40
	batch, err := f.Request(t.Context(), member(1), wish)
	if err != nil || len(batch.Tasks) != 16 {
		t.Fatalf("%d tasks, %v", len(batch.Tasks), err)
	}
	if _, err := f.Request(t.Context(), member(1), wish); err != work.ErrPendingWork {
		t.Errorf("more: %v", err)
	}
	results := make([]work.Result, len(batch.Tasks))
	for i, task := range batch.Tasks {
		results[i] = work.Result{Token: task.Token, Status: work.Broken, Text: "bad luck\x1b[31m"}
	}
	_, err = f.Submit(t.Context(), member(1), results)
	f.must(err)
	if batch, err = f.Request(t.Context(), member(1), wish); err != nil || len(batch.Tasks) != 1 {
		t.Errorf("after 16 errors: %d tasks, %v", len(batch.Tasks), err)
	}
}
