package hive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/dgraph-io/badger/v4"
	"github.com/libp2p/go-libp2p/core/peer"

	"github.com/batchain/batchain/wire"
	"github.com/batchain/batchain/work"
)

// bee returns a peer id that holds a name.
func bee(name string) peer.ID { return peer.ID([]byte{0, byte(len(name))}) + peer.ID(name) }

func start(t testing.TB, dir string, change func(*Hive)) (h *Hive, stop func()) {
	t.Helper()
	return startWith(t, Config{Dir: dir, Self: bee("hive"), Strength: -1, JudgeTimeout: 100 * time.Millisecond}, change)
}

func startWith(t testing.TB, cfg Config, change func(*Hive)) (h *Hive, stop func()) {
	t.Helper()
	h, err := Open(cfg)
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(h)
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- h.Run(ctx) }()
	stop = func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("Run: %v", err)
		}
		ended <- nil
	}
	t.Cleanup(stop)
	return h, stop
}

func inline(name string, policy work.Policy) work.Project {
	return work.Project{Name: name, Program: work.Program{Kind: work.Inline, Name: "f"}, Policy: policy}
}

var wish = work.Wish{Slots: work.MaxTasks, Kinds: []work.Kind{work.Inline}, Names: []string{"f"}}

// answerAll lets a bee do all that there is for it.
func answerAll(t testing.TB, h *Hive, name string, answer func(work.Task) string) (done int) {
	t.Helper()
	ctx := t.Context()
	m := work.Member{Peer: bee(name)}
	if err := h.Register(ctx, m); err != nil {
		t.Fatal(err)
	}
	for {
		batch, err := h.Request(ctx, m, wish)
		if err != nil {
			t.Fatal(err)
		}
		if len(batch.Tasks) == 0 {
			return done
		}
		var results []work.Result
		for _, task := range batch.Tasks {
			results = append(results, work.Result{Token: task.Token, Status: work.Done, Output: []byte(answer(task))})
		}
		verdicts, err := h.Submit(ctx, m, results)
		if err != nil {
			t.Fatal(err)
		}
		for _, verdict := range verdicts {
			if verdict != nil {
				t.Fatal(verdict)
			}
		}
		done += len(results)
	}
}

func echo(task work.Task) string { return string(task.Input) }

// On a full disk nothing is promised, nothing is lost, and all goes on once there
// is room.
func TestFullDisk(t *testing.T) {
	var free atomic.Int64
	free.Store(math.MaxInt64)
	h, _ := start(t, t.TempDir(), func(h *Hive) {
		h.free = func() (int64, error) { return free.Load(), nil }
	})
	ctx, m := t.Context(), work.Member{Peer: bee("bee")}
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Quorum, Quorum: 1})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(ctx, "p", work.Unit{Input: []byte("0")}, work.Unit{Input: []byte("1")}); err != nil {
		t.Fatal(err)
	}
	if err := h.Register(ctx, m); err != nil {
		t.Fatal(err)
	}
	one := wish
	one.Slots = 1
	batch, err := h.Request(ctx, m, one)
	if err != nil || len(batch.Tasks) != 1 {
		t.Fatal(batch, err)
	}
	free.Store(1000)
	result := []work.Result{{Token: batch.Tasks[0].Token, Status: work.Done, Output: []byte("0")}}
	if _, err := h.Submit(ctx, m, result); !errors.Is(err, wire.ErrFull) {
		t.Errorf("a result on a full disk: %v", err)
	}
	if n, err := h.Add(ctx, "p", work.Unit{}); n != 0 || !errors.Is(err, wire.ErrFull) {
		t.Errorf("a unit on a full disk: %d, %v", n, err)
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.Made != 2 || s.Valid != 0 || s.Active != 1 {
		t.Errorf("%+v, %v", s, err)
	}
	free.Store(math.MaxInt64)
	if verdicts, err := h.Submit(ctx, m, result); err != nil || verdicts[0] != nil {
		t.Errorf("once there is room: %v, %v", verdicts, err)
	}
	if n := answerAll(t, h, "bee", echo); n != 1 {
		t.Errorf("%d units were left, want 1", n)
	}
}

// A hive that is opened again knows all that it knew: units begun and not,
// answers, reputations, quizzes, events, admissions.
func TestOpenedAgain(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	h, stop := start(t, dir, nil)
	if err := h.Create(ctx, inline("p", work.Policy{})); err != nil {
		t.Fatal(err)
	}
	for i := range 100 {
		if _, err := h.Add(ctx, "p", work.Unit{Input: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	answerAll(t, h, "a", echo)
	for range 3 { // b has some of them, and more that it has not answered
		batch, err := h.Request(ctx, work.Member{Peer: bee("a")}, wish)
		if err != nil || len(batch.Tasks) > 0 {
			t.Fatal(batch, err)
		}
	}
	if err := h.Register(ctx, work.Member{Peer: bee("b")}); err != nil {
		t.Fatal(err)
	}
	few := wish
	few.Slots = 10
	batch, err := h.Request(ctx, work.Member{Peer: bee("b")}, few)
	if err != nil || len(batch.Tasks) != maxShared {
		t.Fatal(len(batch.Tasks), err)
	}
	result := func(task work.Task) []work.Result {
		return []work.Result{{Token: task.Token, Status: work.Done, Output: task.Input}}
	}
	for _, task := range batch.Tasks[:1] {
		if _, err := h.Submit(ctx, work.Member{Peer: bee("b")}, result(task)); err != nil {
			t.Fatal(err)
		}
	}
	before, err := h.Show(ctx, "p")
	if err != nil {
		t.Fatal(err)
	}
	before.Bees = 0 // who asked is not kept; who is at a unit has to ask again
	stop()
	h, _ = start(t, dir, nil)
	until(t, "it stands as it did", func() bool {
		after, err := h.Show(ctx, "p")
		return err == nil && fmt.Sprint(after) == fmt.Sprint(before)
	})
	for _, task := range batch.Tasks[1:] {
		if verdicts, err := h.Submit(ctx, work.Member{Peer: bee("b")}, result(task)); err != nil || verdicts[0] != nil {
			t.Errorf("a task of the life before: %v, %v", verdicts, err)
		}
	}
	answerAll(t, h, "b", echo)
	if err := h.Seal(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	n := 0
	for c, err := range h.Datachunks(ctx, "p", 0) {
		if err != nil || string(c.Output) != fmt.Sprint(n) {
			t.Fatalf("datachunk %d: %+v, %v", n, c, err)
		}
		n++
	}
	if n != 100 {
		t.Errorf("%d datachunks, want 100", n)
	}
	for name, r := range h.reputations {
		if r.Wrong > 0 || r.Right != 100 || len(r.With) != 1 {
			t.Errorf("the reputation of %s is %+v", name.bee, *r)
		}
	}
}

// A process that is killed while it cancels: the next one ends that.
func TestHalfCancelled(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	h, stop := start(t, dir, nil)
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Quorum, Quorum: 2})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(ctx, "p", make([]work.Unit, 600)...); err != nil {
		t.Fatal(err)
	}
	if err := h.Register(ctx, work.Member{Peer: bee("a")}); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Request(ctx, work.Member{Peer: bee("a")}, wish); err != nil {
		t.Fatal(err)
	}
	err := h.do(ctx, 0, func(t *turn) error {
		p := t.names["p"]
		p.row.State = Cancelled
		t.projects[p] = true
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	stop()
	h, _ = start(t, dir, nil)
	n := 0
	for c, err := range h.Datachunks(ctx, "p", 0) {
		if err != nil || c.State != work.Cancelled {
			t.Fatal(c, err)
		}
		n++
	}
	if n != 16 {
		t.Errorf("%d datachunks, want one of each unit that was begun", n)
	}
}

// Answers that wait for a slow validator wait on the disk, and come to it whole; what was
// cancelled meanwhile does not.
func TestAnswersWaitOnTheDisk(t *testing.T) {
	const units = 40
	ctx := t.Context()
	h, _ := start(t, t.TempDir(), func(h *Hive) { h.cfg.JudgeTimeout = time.Minute })
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Custom, GroupMax: 1})); err != nil {
		t.Fatal(err)
	}
	open := make(chan struct{})
	served := make(chan error, 1)
	slow := validator(func(_ context.Context, u work.Unit, answers []work.Answer) (work.Judgement, error) {
		<-open
		return work.Judgement{Valid: len(answers) == 1 && string(u.Input) == string(answers[0].Output)}, nil
	})
	go func() { served <- h.Serve(ctx, "p", Handlers{Source: source(units), Validator: slow}) }()
	until(t, "the source has made its units", func() bool {
		s, err := h.Show(ctx, "p")
		return err == nil && s.Sealed
	})
	if n := answerAll(t, h, "a", echo); n != units {
		t.Fatalf("%d answers", n)
	}
	h.bench.mu.Lock()
	for _, q := range h.bench.waiting {
		if q.answers[0].Output != nil {
			t.Errorf("the answer of unit %d waits in memory", q.seq)
		}
	}
	last := h.bench.waiting[len(h.bench.waiting)-1].seq
	h.bench.mu.Unlock()
	if err := h.CancelUnit(ctx, "p", last); err != nil {
		t.Error(err)
	}
	close(open)
	if err := <-served; err != nil {
		t.Error(err)
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.Valid != units-1 || s.Cancelled != 1 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A disk that is full while a project is cancelled: who cancels again has the rest done.
func TestCancelAgain(t *testing.T) {
	var room atomic.Int64 // transactions that find some
	room.Store(math.MaxInt64)
	h, _ := start(t, t.TempDir(), func(h *Hive) {
		h.free = func() (int64, error) {
			if room.Add(-1) < 0 {
				return 0, nil
			}
			return math.MaxInt64, nil
		}
	})
	ctx := t.Context()
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Quorum, Quorum: 2})); err != nil {
		t.Fatal(err)
	}
	if _, err := h.Add(ctx, "p", make([]work.Unit, 600)...); err != nil {
		t.Fatal(err)
	}
	if err := h.Register(ctx, work.Member{Peer: bee("a")}); err != nil {
		t.Fatal(err)
	}
	if batch, err := h.Request(ctx, work.Member{Peer: bee("a")}, wish); err != nil || len(batch.Tasks) == 0 {
		t.Fatal(batch, err)
	}
	room.Store(1)
	if err := h.Cancel(ctx, "p"); !errors.Is(err, wire.ErrFull) {
		t.Errorf("a disk that is full in the middle: %v", err)
	}
	room.Store(math.MaxInt64)
	if err := h.Cancel(ctx, "p"); err != nil {
		t.Fatal(err)
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.State != Cancelled || s.Open != 0 {
		t.Errorf("%+v, %v", s, err)
	}
}

// A lease that ends while the disk is full is looked at now and then, not all the time.
func TestDueOnFullDisk(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var full atomic.Bool
		var refused atomic.Int64
		h, stop := start(t, t.TempDir(), func(h *Hive) {
			h.free = func() (int64, error) {
				if full.Load() && refused.Add(1) < 1000 {
					return 0, nil
				}
				return math.MaxInt64, nil
			}
		})
		ctx, m := t.Context(), work.Member{Peer: bee("a")}
		if err := h.Create(ctx, inline("p", work.Policy{})); err != nil {
			t.Fatal(err)
		}
		if _, err := h.Add(ctx, "p", work.Unit{}); err != nil {
			t.Fatal(err)
		}
		if err := h.Register(ctx, m); err != nil {
			t.Fatal(err)
		}
		if batch, err := h.Request(ctx, m, wish); err != nil || len(batch.Tasks) != 1 {
			t.Fatal(batch, err)
		}
		full.Store(true)
		time.Sleep(2 * time.Minute) // the lease ends after the first one
		if n := refused.Load(); n == 0 || n > 70 {
			t.Errorf("the database was asked for %d times in a minute", n)
		}
		full.Store(false)
		time.Sleep(2 * refusedRest)
		if s, err := h.Show(ctx, "p"); err != nil || s.Active != 0 {
			t.Errorf("once there is room: %+v, %v", s, err)
		}
		stop()
	})
}

// A spot check that a restart forgot is forgotten: its result says nothing about another one.
func TestForgottenCheck(t *testing.T) {
	dir, ctx, m := t.TempDir(), t.Context(), work.Member{Peer: bee("b")}
	h, stop := start(t, dir, nil)
	if err := h.Create(ctx, inline("p", work.Policy{})); err != nil {
		t.Fatal(err)
	}
	if err := h.Register(ctx, m); err != nil {
		t.Fatal(err)
	}
	check := func() (task work.Task) {
		err := h.do(ctx, 0, func(t *turn) error {
			p := t.names["p"]
			q := &quiz{place: uint16(len(p.quizzes))}
			q.Unit.Input, q.Digest = fmt.Append(nil, q.place), work.DigestOf(fmt.Append(nil, q.place), 0)
			q.Bees = []peer.ID{bee("c"), bee("d")}
			p.quizzes = append(p.quizzes, q)
			o := &handout{turn: t, bee: m, wish: &wish, places: map[*project]uint16{}}
			o.check(p)
			task = o.batch.Tasks[0]
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		return task
	}
	before := check()
	stop()
	h, _ = start(t, dir, nil)
	after := check()
	for _, task := range []work.Task{before, after} {
		verdicts, err := h.Submit(ctx, m, []work.Result{{Token: task.Token, Status: work.Done, Output: task.Input}})
		if err != nil || (verdicts[0] != nil) != (task.Token == before.Token) {
			t.Errorf("check of %s: %v, %v", task.Input, verdicts, err)
		}
	}
	if r := h.reputations[reputationName{h.names["p"].program, m.Peer}]; r.Wrong != 0 || r.Right != 1 {
		t.Errorf("%+v", *r)
	}
}

// Nothing is left behind of a project that has ended but what belongs there.
func TestNoRowsAreLeft(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	h, stop := start(t, dir, nil)
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Majority, GroupMax: 3})); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		if _, err := h.Add(ctx, "p", work.Unit{Input: fmt.Append(nil, i)}); err != nil {
			t.Fatal(err)
		}
	}
	answers := map[string]func(work.Task) string{
		"a": echo, "b": func(task work.Task) string { return "wrong" + echo(task) }, "c": echo, "d": echo,
	}
	for _, name := range []string{"a", "b", "c", "d"} {
		answerAll(t, h, name, answers[name])
	}
	stop()
	h, err := Open(Config{Dir: dir, Self: bee("hive")})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	rows := map[byte]int{}
	txn := h.db.NewTransaction(false)
	defer txn.Discard()
	if err := each(txn, nil, func(key, _ []byte) error { rows[key[0]]++; return nil }); err != nil {
		t.Fatal(err)
	}
	if rows[rowUnit]+rows[rowGroup]+rows[rowOutput] > 0 || rows[rowChunk] != 30 {
		t.Errorf("%d units, %d groups, %d outputs and %d datachunks are left, want none and 30",
			rows[rowUnit], rows[rowGroup], rows[rowOutput], rows[rowChunk])
	}
}

// A bee that cheats only now and then is caught by a spot check in the end, which
// it cannot tell from other tasks.
func TestSpotChecksCatch(t *testing.T) {
	ctx := t.Context()
	h, _ := start(t, t.TempDir(), nil)
	if err := h.Create(ctx, inline("p", work.Policy{Checks: 0.5})); err != nil {
		t.Fatal(err)
	}
	add := func(from, n int) {
		for i := range n {
			if _, err := h.Add(ctx, "p", work.Unit{Input: fmt.Append(nil, from+i)}); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, pair := range [][2]string{{"a", "b"}, {"a", "c"}, {"b", "c"}, {"a", "b"}} {
		if n := len(h.names["p"].quizzes); i == 1 && n > 0 {
			t.Fatalf("%d spot checks by two bees that nobody else knows", n)
		}
		add(20*i, 20)
		answerAll(t, h, pair[0], echo)
		answerAll(t, h, pair[1], echo)
	}
	if s, err := h.Show(ctx, "p"); err != nil || s.Valid != 80 {
		t.Fatalf("%+v, %v", s, err)
	}
	add(1000, 200)
	repeated := 0
	answerAll(t, h, "cheat", func(task work.Task) string {
		if len(task.Input) < 4 {
			repeated++
		}
		return "wrong"
	})
	s, err := h.Show(ctx, "p")
	if err != nil || s.Checks == 0 || repeated == 0 {
		t.Errorf("%+v, %v; %d units came again", s, err, repeated)
	}
	if r := h.reputations[reputationName{h.names["p"].program, bee("cheat")}]; r.Wrong == 0 || r.Exiled == 0 {
		t.Errorf("the cheat's reputation is %+v", *r)
	}
}

// validator is a function that judges.
type validator func(context.Context, work.Unit, []work.Answer) (work.Judgement, error)

func (v validator) Judge(ctx context.Context, u work.Unit, answers []work.Answer) (work.Judgement, error) {
	return v(ctx, u, answers)
}

// source makes units of numbers.
type source uint64

func (s source) Next(_ context.Context, n uint64) (work.Unit, error) {
	if n >= uint64(s) {
		return work.Unit{}, io.EOF
	}
	return work.Unit{Input: fmt.Append(nil, n)}, nil
}

// Killed while the database makes its log files, a hive opens all the same.
func TestEmptyLogFiles(t *testing.T) {
	dir := t.TempDir()
	for round := range 3 {
		if round > 0 {
			for _, name := range []string{"00000.mem", "00077.mem", "000099.vlog"} {
				if _, err := os.Stat(filepath.Join(dir, name)); err == nil {
					continue
				}
				if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
					t.Fatal(err)
				}
			}
		}
		h, err := Open(Config{Dir: dir, Self: "self"})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.Close(); err != nil {
			t.Fatal(err)
		}
	}
}

// Validators of every kind: what they do to one unit harms only that.
func TestValidators(t *testing.T) {
	sum := func(_ context.Context, u work.Unit, answers []work.Answer) (work.Judgement, error) {
		for _, a := range answers {
			a.Output[0] = '!' // it gets copies
		}
		return work.Judgement{Valid: true, Output: append([]byte("sum of "), u.Input...)}, nil
	}
	tests := map[string]struct {
		judge validator
		want  string
	}{
		"works":  {sum, "sum of 0"},
		"panics": {func(context.Context, work.Unit, []work.Answer) (work.Judgement, error) { panic("at /home/me/x.go:1") }, "failed: the validator panicked: at /home/me/x.go:1"},
		"hangs":  {func(context.Context, work.Unit, []work.Answer) (work.Judgement, error) { select {} }, "failed: the validator did not answer in 100ms"},
		"lies": {func(context.Context, work.Unit, []work.Answer) (work.Judgement, error) {
			return work.Judgement{Valid: true, Wrong: []int{7}}, nil
		}, "failed: the validator speaks of answer 7 of 2"},
		"errs": {func(context.Context, work.Unit, []work.Answer) (work.Judgement, error) {
			return work.Judgement{}, errors.New("no idea")
		}, "failed: no idea"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx := t.Context()
			h, _ := start(t, t.TempDir(), nil)
			if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Custom, GroupMax: 2})); err != nil {
				t.Fatal(err)
			}
			got := ""
			served := make(chan error, 1)
			go func() {
				served <- h.Serve(ctx, "p", Handlers{Source: source(1), Validator: test.judge, Datachunk: func(_ context.Context, c work.Datachunk) error {
					got = string(c.Output)
					if c.State != work.Valid {
						got = fmt.Sprintf("%v: %s", c.State, c.Reason)
					}
					return nil
				}})
			}()
			until(t, "the source has made its unit", func() bool {
				s, err := h.Show(ctx, "p")
				return err == nil && s.Sealed
			})
			answerAll(t, h, "a", echo)
			answerAll(t, h, "b", echo)
			if err := <-served; err != nil || got != test.want {
				t.Errorf("%q, %v; want %q", got, err, test.want)
			}
		})
	}
}

// until polls for an event for at most 20 s.
func until(t testing.TB, event string, happened func() bool) {
	t.Helper()
	deadline := time.Now().Add(20 * time.Second)
	for !happened() {
		if time.Now().After(deadline) {
			t.Fatalf("still not so: %s", event)
		}
		<-time.After(time.Millisecond)
	}
}

// A source is asked only for what is missing, also after a restart; one that
// breaks, panics or hangs ends Serve, and nothing else.
func TestSource(t *testing.T) {
	dir, ctx := t.TempDir(), t.Context()
	h, stop := start(t, dir, nil)
	if err := h.Create(ctx, inline("p", work.Policy{Rule: work.Quorum, Quorum: 1})); err != nil {
		t.Fatal(err)
	}
	broken := errors.New("the table is gone")
	asked := map[uint64]int{}
	breaking := sourceFunc(func(_ context.Context, n uint64) (work.Unit, error) {
		asked[n]++
		if n == 5 {
			return work.Unit{}, broken
		}
		return source(9).Next(ctx, n)
	})
	if err := h.Serve(ctx, "p", Handlers{Source: breaking}); !errors.Is(err, broken) {
		t.Errorf("a source that breaks: %v", err)
	}
	stop()
	h, _ = start(t, dir, nil)
	panicking := sourceFunc(func(context.Context, uint64) (work.Unit, error) { panic("oh") })
	if err := h.Serve(ctx, "p", Handlers{Source: panicking}); err == nil || !strings.Contains(err.Error(), "source at unit 5 panicked") {
		t.Errorf("a source that panics: %v", err)
	}
	hanging := sourceFunc(func(context.Context, uint64) (work.Unit, error) { select {} })
	if err := h.Serve(ctx, "p", Handlers{Source: hanging}); err == nil || !strings.Contains(err.Error(), "source at unit 5 did not answer in 100ms") {
		t.Errorf("a source that hangs: %v", err)
	}
	served := make(chan error, 1)
	go func() { served <- h.Serve(ctx, "p", Handlers{Source: source(9)}) }()
	until(t, "the source has made its units", func() bool {
		s, err := h.Show(ctx, "p")
		return err == nil && s.Sealed
	})
	if err := h.Serve(ctx, "p", Handlers{}); err == nil {
		t.Error("a project is served twice")
	}
	if n := answerAll(t, h, "a", echo); n != 9 {
		t.Errorf("%d units, want 9", n)
	}
	if err := <-served; err != nil {
		t.Error(err)
	}
	for n := range uint64(5) {
		if asked[n] != 1 {
			t.Errorf("unit %d was asked for %d times", n, asked[n])
		}
	}
}

type sourceFunc func(context.Context, uint64) (work.Unit, error)

func (f sourceFunc) Next(ctx context.Context, n uint64) (work.Unit, error) { return f(ctx, n) }

func TestTokens(t *testing.T) {
	h, err := Open(Config{Dir: t.TempDir(), Self: bee("hive")})
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	const seq = 1<<48 - 2
	token := h.token(1<<32-1, seq, 63, bee("bee"))
	project, unit, attempt, ok := h.openToken(token, bee("bee"))
	if project != 1<<32-1 || unit != seq || attempt != 63 || !ok {
		t.Errorf("%d, %d, %d, %v", project, unit, attempt, ok)
	}
	if _, _, _, ok := h.openToken(token, bee("other")); ok {
		t.Error("another bee's token is taken")
	}
}

func TestOpenRefuses(t *testing.T) {
	if _, err := Open(Config{Dir: t.TempDir()}); err == nil {
		t.Error("a hive without a peer")
	}
	dir := t.TempDir()
	h, err := Open(Config{Dir: dir, Self: bee("hive")})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Open(Config{Dir: dir, Self: bee("hive")}); err == nil {
		t.Error("a hive that is open already")
	}
	if err := h.Close(); err != nil {
		t.Fatal(err)
	}
	if err := h.Create(t.Context(), inline("p", work.Policy{})); !errors.Is(err, ErrStopped) {
		t.Errorf("after Close: %v", err)
	}
}

// Admissions do not stay for ever.
func TestAdmissionsAreDropped(t *testing.T) {
	h, _ := start(t, t.TempDir(), nil)
	if err := h.Register(t.Context(), work.Member{Peer: bee("passer-by")}); err != nil {
		t.Fatal(err)
	}
	err := h.view(func(txn *badger.Txn) error {
		item, err := txn.Get(beeKey(bee("passer-by")))
		if err != nil {
			return err
		}
		end, ticket := time.Unix(int64(item.ExpiresAt()), 0), h.cfg.Ticket
		if life := time.Until(end); life < ticket || life > 2*ticket+time.Minute {
			t.Errorf("the row of an admission for %v is kept for %v", ticket, life)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
