package bee

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/batchain/batchain/work"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fake is a hive with some tasks.
type fake struct {
	mu      sync.Mutex
	tasks   []work.Task
	results map[work.Token]work.Result
	wishes  []work.Wish
	beats   map[work.Token]int
	orders  map[work.Token]work.Order
	down    int // calls that fail before one succeeds
	calls   []time.Time
	handed  []time.Time // when results came
}

func newFake(n int) *fake {
	f := &fake{results: map[work.Token]work.Result{}, beats: map[work.Token]int{}, orders: map[work.Token]work.Order{}}
	for i := range n {
		f.tasks = append(f.tasks, work.Task{
			Token: work.Token{byte(i), byte(i >> 8), 1}, Input: fmt.Append(nil, i), Lease: 3 * time.Second, Limit: time.Hour,
		})
	}
	return f
}

var errDown = errors.New("connection refused")

func (f *fake) Request(ctx context.Context, wish work.Wish) (work.Batch, error) {
	f.mu.Lock()
	f.wishes, f.calls = append(f.wishes, wish), append(f.calls, time.Now())
	if f.down > 0 {
		f.down--
		f.mu.Unlock()
		return work.Batch{}, errDown
	}
	n := min(len(f.tasks), int(wish.Slots))
	batch := work.Batch{Programs: []work.Program{{Kind: work.Inline, Name: "f"}}, Tasks: f.tasks[:n], Retry: time.Second}
	f.tasks = f.tasks[n:]
	f.mu.Unlock()
	if n == 0 {
		select {
		case <-ctx.Done():
			return work.Batch{}, ctx.Err()
		case <-time.After(wish.Wait):
		}
	}
	return batch, nil
}

func (f *fake) Submit(_ context.Context, results []work.Result) ([]error, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down > 0 {
		f.down--
		return nil, errDown
	}
	f.handed = append(f.handed, time.Now())
	for _, r := range results {
		f.results[r.Token] = r
	}
	return make([]error, len(results)), nil
}

func (f *fake) Beat(_ context.Context, beats []work.Beat) ([]work.Order, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	orders := make([]work.Order, len(beats))
	for i, b := range beats {
		f.beats[b.Token]++
		orders[i] = max(work.GoOn, f.orders[b.Token])
	}
	return orders, nil
}

func (f *fake) result(n int) (work.Result, bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	r, ok := f.results[work.Token{byte(n), byte(n >> 8), 1}]
	return r, ok
}

// run runs a bee with function f for a time, in the caller's synctest bubble.
func run(t *testing.T, h *fake, slots int, d time.Duration, f Function) {
	t.Helper()
	programs := Inline{"f": f}
	b := New(Config{Hive: h, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names(), Slots: slots})
	ctx, cancel := context.WithTimeout(t.Context(), d)
	defer cancel()
	if err := b.Run(ctx); err != nil {
		t.Error(err)
	}
	if len(b.held) > 0 {
		t.Errorf("%d tasks are held after the end", len(b.held))
	}
}

func TestAllTasksAreDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFake(1000)
		run(t, h, 4, time.Minute, func(_ context.Context, input []byte) ([]byte, error) {
			time.Sleep(time.Millisecond)
			return append([]byte("done "), input...), nil
		})
		for n := range 1000 {
			if r, _ := h.result(n); r.Status != work.Done || string(r.Output) != fmt.Sprint("done ", n) {
				t.Fatalf("result %d: %+v", n, r)
			}
		}
		if !h.wishes[0].Resume || h.wishes[len(h.wishes)-1].Resume {
			t.Error("only the first requests ask for what the bee had before")
		}
	})
}

// Tasks of 10 ms keep the slots busy: what a bee loses to asking and handing in
// over a network with 2 ms of delay is less than a twentieth.
func TestEfficiency(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &delayed{newFake(2000), 2 * time.Millisecond}
		programs := Inline{"f": func(context.Context, []byte) ([]byte, error) { time.Sleep(10 * time.Millisecond); return nil, nil }}
		b := New(Config{Hive: h, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names(), Slots: 2})
		ideal := 2000 * 10 * time.Millisecond / 2
		ctx, cancel := context.WithTimeout(t.Context(), ideal*100/95)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		done := 0
		for _, r := range h.results {
			if r.Status == work.Done {
				done++
			}
		}
		if done < 2000 {
			t.Errorf("%d of 2000 tasks in %v, want all", done, ideal*100/95)
		}
		if n := len(h.handed); n > 2000/15 {
			t.Errorf("their results came in %d messages: one takes the hive as long as several", n)
		}
	})
}

// A result waits for others only while the bee has other tasks, and not for long.
func TestResultsAreNotHeldBack(t *testing.T) {
	for tasks, want := range map[int]time.Duration{1: time.Second, 2: time.Second + together} {
		synctest.Test(t, func(t *testing.T) {
			h := newFake(tasks)
			began := time.Now()
			run(t, h, 1, 10*time.Second, func(context.Context, []byte) ([]byte, error) {
				time.Sleep(time.Second)
				return nil, nil
			})
			if got := h.handed[0].Sub(began); got > want {
				t.Errorf("the first result of %d tasks came after %v, want %v", tasks, got, want)
			}
		})
	}
}

// delayed is a hive that is far away.
type delayed struct {
	*fake
	delay time.Duration
}

// Request waits, in its caller's synctest bubble.
func (d *delayed) Request(ctx context.Context, wish work.Wish) (work.Batch, error) {
	time.Sleep(d.delay)
	return d.fake.Request(ctx, wish)
}

// Submit waits, in its caller's synctest bubble.
func (d *delayed) Submit(ctx context.Context, results []work.Result) ([]error, error) {
	time.Sleep(d.delay)
	return d.fake.Submit(ctx, results)
}

// Whatever a program does, its result says so and the bee goes on.
func TestPrograms(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFake(4)
		run(t, h, 1, time.Minute, func(_ context.Context, input []byte) ([]byte, error) {
			switch string(input) {
			case "0":
				panic("at /home/me/secret.go:1")
			case "1":
				return nil, errors.New("division by zero")
			case "2":
				return make([]byte, work.MaxOutput+1), nil
			}
			return input, nil
		})
		for n, want := range []string{"the program failed: it panicked", "the program failed: division by zero", "it made"} {
			if r, _ := h.result(n); r.Status != work.Broken || !strings.HasPrefix(r.Text, want) {
				t.Errorf("result %d: %v %q, want %q", n, r.Status, r.Text, want)
			}
		}
		if r, _ := h.result(3); r.Status != work.Done {
			t.Errorf("after those: %+v", r)
		}
	})
}

// A hive that is away for a while gets every result in the end, and is not asked
// without a pause.
func TestHiveIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFake(3)
		h.down = 5
		began := time.Now()
		run(t, h, 1, 5*time.Minute, func(_ context.Context, input []byte) ([]byte, error) {
			h.mu.Lock()
			h.down = 2 // now nothing can be handed in
			h.mu.Unlock()
			return input, nil
		})
		for n := range 3 {
			if r, _ := h.result(n); r.Status != work.Done {
				t.Errorf("result %d: %+v", n, r)
			}
		}
		for i, at := range h.calls[:5] {
			if least := time.Duration(1<<i-1) * time.Second / 2; at.Sub(began) < least {
				t.Errorf("call %d came after %v, want at least %v", i, at.Sub(began), least)
			}
		}
	})
}

// forgetful is a hive of which some answers are lost on their way, after it has
// given out what is in them.
type forgetful struct {
	*fake
	asked int
	lost  []work.Task
}

func (f *forgetful) Request(ctx context.Context, wish work.Wish) (work.Batch, error) {
	if len(f.lost) > 0 && wish.Resume {
		batch := work.Batch{Programs: []work.Program{{Kind: work.Inline, Name: "f"}}, Tasks: f.lost}
		f.lost = nil
		return batch, nil
	}
	batch, err := f.fake.Request(ctx, wish)
	if f.asked++; err == nil && f.asked%3 == 0 {
		f.lost = append(f.lost, batch.Tasks...)
		return work.Batch{}, errDown
	}
	return batch, err
}

// Tasks in an answer that was lost are asked for again at once, not when their
// leases have gone by.
func TestLostAnswers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &forgetful{fake: newFake(100)}
		programs := Inline{"f": func(_ context.Context, input []byte) ([]byte, error) {
			time.Sleep(time.Second)
			return input, nil
		}}
		b := New(Config{Hive: h, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names(), Slots: 2})
		ctx, cancel := context.WithTimeout(t.Context(), 3*time.Minute)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		for n := range 100 {
			if r, _ := h.result(n); r.Status != work.Done {
				t.Fatalf("result %d: %+v", n, r)
			}
		}
	})
}

// Long tasks are renewed; one that is not needed is stopped.
func TestHeartbeats(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFake(2)
		h.orders[h.tasks[1].Token] = work.Stop
		stopped := time.Duration(0)
		began := time.Now()
		run(t, h, 2, time.Minute, func(ctx context.Context, input []byte) ([]byte, error) {
			if string(input) == "1" {
				<-ctx.Done()
				stopped = time.Since(began)
				return nil, ctx.Err()
			}
			time.Sleep(10 * time.Second)
			return input, nil
		})
		if n := h.beats[work.Token{0, 0, 1}]; n < 9 || n > 11 {
			t.Errorf("%d heartbeats in 10 s, want one a second", n)
		}
		if stopped != time.Second {
			t.Errorf("what is not needed was stopped after %v, want at the first heartbeat", stopped)
		}
		if r, _ := h.result(1); r.Status != work.GivenUp {
			t.Errorf("its result: %+v", r)
		}
	})
}

// A bee that ends gives back what it has.
func TestBeeGivesBackAtItsEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newFake(4)
		run(t, h, 1, 10*time.Second, func(ctx context.Context, _ []byte) ([]byte, error) {
			<-ctx.Done()
			return nil, ctx.Err()
		})
		if len(h.results) != 2 {
			t.Errorf("%d tasks were given back, want the one that ran and the one that waited", len(h.results))
		}
		for token, r := range h.results {
			if r.Status != work.GivenUp {
				t.Errorf("%x: %+v", token, r)
			}
		}
	})
}

// A hive that gives more than was asked for, or nonsense, is not believed.
func TestTooMuchFromTheHive(t *testing.T) {
	b := New(Config{Slots: 1})
	tasks := make([]work.Task, 600)
	for i := range tasks {
		tasks[i] = work.Task{Token: work.Token{byte(i), byte(i >> 8)}, Program: uint16(i % 2)}
	}
	b.accept(work.Batch{Programs: make([]work.Program, 1), Tasks: tasks}, 10)
	if len(b.held) != 5 || len(b.ready) != 5 {
		t.Errorf("%d tasks are held, want those of the first 10 that have a program", len(b.held))
	}
}

// shy is a hive that gives one task at a time, and the next one only once it is answered.
type shy struct{ *fake }

func (s shy) Request(ctx context.Context, wish work.Wish) (work.Batch, error) {
	s.mu.Lock()
	out := 1000 - len(s.tasks) - len(s.results)
	s.mu.Unlock()
	if out > 0 {
		return work.Batch{}, work.ErrPendingWork
	}
	wish.Slots = 1
	return s.fake.Request(ctx, wish)
}

// A bee that is told to answer first asks again as soon as it has: no pause lies between
// its answer and the next task.
func TestAnswerBringsTheNextTask(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := shy{newFake(1000)}
		programs := Inline{"f": func(_ context.Context, input []byte) ([]byte, error) {
			time.Sleep(10 * time.Millisecond)
			return input, nil
		}}
		b := New(Config{Hive: h, Runner: programs, Kinds: []work.Kind{work.Inline}, Names: programs.Names(), Slots: 2})
		ctx, cancel := context.WithTimeout(t.Context(), 11*time.Second)
		defer cancel()
		if err := b.Run(ctx); err != nil {
			t.Error(err)
		}
		if len(h.results) != 1000 {
			t.Errorf("%d of 1000 tasks of 10 ms in 11 s", len(h.results))
		}
	})
}
