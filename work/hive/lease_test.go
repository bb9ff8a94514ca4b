package hive_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/batchain/batchain/work"
	"github.com/batchain/batchain/work/hive"
	"github.com/batchain/batchain/work/worktest"
)

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

// A project that had nothing to do has no claim to the bees later; neither has one that comes
// to it then.
func TestIdleProjectSavesNothingUp(t *testing.T) {
	f := open(t, terms("p", once), 100, nil)
	for _, name := range []string{"q", "r"} {
		for n := range 60 {
			if n == 0 {
				f.must(f.Create(t.Context(), terms(name, once)))
				for range 30 { // it has no units yet
					f.must(f.give(1, f.take(1), "x"))
				}
			}
			_, err := f.Add(t.Context(), name, work.Unit{Input: []byte(name)})
			f.must(err)
		}
		ofIt := 0
		for range 20 {
			task := f.take(1)
			if string(task.Input) == name {
				ofIt++
			}
			f.must(f.give(1, task, "x"))
		}
		if ofIt < 5 || ofIt > 11 {
			t.Errorf("project %s got %d of the next 20 tasks, want its share", name, ofIt)
		}
	}
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

// The last units are spread: no bee has many while others have none, however often it asks,
// and one that runs several at once has enough for all of them.
func TestLastUnitsAreSpread(t *testing.T) {
	f := open(t, terms("p", once), 26, nil)
	for k, step := range []struct {
		bee      int
		parallel uint16
		want     int
	}{{1, 1, 13}, {1, 1, 0}, {2, 1, 6}, {2, 1, 0}, {3, 1, 2}, {3, 1, 0}, {4, 3, 4}, {5, 0, 1}, {6, 0, 0}} {
		wish := inline
		wish.Slots, wish.Parallel = 40, step.parallel
		batch, err := f.Request(t.Context(), member(step.bee), wish)
		if n := len(batch.Tasks); n != step.want || (err != nil && err != work.ErrPendingWork) {
			t.Errorf("request %d: %d tasks, %v, want %d", k, n, err, step.want)
		}
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
